// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// What the kubelet keeps on disk of each pod, whatever the engine: names in its log directories, addresses in the hosts files. The last
// resort: a pod may write to its own hosts file, and directories outlive their pods.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "machine/machine.hpp"
#include "model/address.hpp"
#include "model/inventory.hpp"

namespace synfate::inventory {

/// Empty is unknown, throughout.
struct KubeletRecord {
  std::string pod_namespace;
  std::string pod_name;
  std::string pod_uid;
  bool host_network = false;
  std::vector<model::IpAddress> addresses;  ///< as the pod's hosts file has them: the pod's own word
  std::string hostname;                     ///< likewise
  std::string source;                       ///< "kubelet: /var/log/pods/..."
};

/// By uid, each once.
std::vector<KubeletRecord> list_kubelet_pods(machine::FileTree& tree, std::vector<model::Gap>& gaps);

/// The addresses and the hostname in a hosts file that the kubelet wrote.
void parse_managed_hosts(std::string_view text, KubeletRecord& record);

}  // namespace synfate::inventory
