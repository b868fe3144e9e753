// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// What CNI plugins wrote down when they attached a pod: addresses, namespace, the node's end of the cable. Refuses to judge whether the
// pod still is: such files outlive crashes, and the path of the namespace tells.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "machine/machine.hpp"
#include "model/address.hpp"
#include "model/inventory.hpp"

namespace synfate::inventory {

/// Empty is unknown, throughout.
struct CniRecord {
  std::string sandbox_id;  ///< 64 hexadecimal digits
  std::string pod_namespace;
  std::string pod_name;
  std::string pod_uid;
  std::string network;
  std::string ifname;      ///< in the pod
  std::string netns_path;  ///< as the runtime sees it
  std::vector<model::IpAddress> addresses;
  std::string host_device;  ///< the node's end
  std::string source;       ///< "libcni: /var/lib/cni/results/..."
};

/// libcni's results, a record for each network of a pod, and host-local's reservations, a record for each address and no names. An address
/// may be in both.
std::vector<CniRecord> list_cni(machine::FileTree& tree, std::vector<model::Gap>& gaps);

/// One of libcni's results; file_name as libcni makes it, NETWORK-ID-IFNAME.
Result<CniRecord> parse_cni_result(std::string_view text, std::string_view file_name);

}  // namespace synfate::inventory
