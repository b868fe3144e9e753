// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "inventory/kubelet_state.hpp"

#include <algorithm>
#include <array>
#include <map>

#include "base/text.hpp"
#include "inventory/pod_names.hpp"

namespace synfate::inventory {
namespace {

constexpr std::string_view kLogDirectory = "/var/log/pods";
/// The kubelet's own, k0s's and microk8s's; k3s uses the kubelet's.
constexpr std::array<std::string_view, 3> kPodDirectories{"/var/lib/kubelet/pods", "/var/lib/k0s/kubelet/pods",
                                                          "/var/snap/microk8s/common/var/lib/kubelet/pods"};
constexpr std::size_t kMaxPods = 8192;
constexpr std::size_t kMaxHostsBytes = 64U << 10U;
constexpr std::size_t kMaxAddressesOfPod = 16;
constexpr std::string_view kManaged = "# Kubernetes-managed hosts file.";
constexpr std::string_view kManagedHostNetwork = "# Kubernetes-managed hosts file (host network).";
/// What follows is the pod's wish.
constexpr std::string_view kAliases = "# Entries added by HostAliases.";

using Pods = std::map<std::string, KubeletRecord>;

void list(machine::FileTree& tree, std::string_view directory, std::vector<std::string>& names, std::vector<model::Gap>& gaps) {
  auto found = tree.list_directory(std::string{directory}, kMaxPods);
  if (found) {
    names = *std::move(found);
    std::sort(names.begin(), names.end());
  } else if (found.error().kind != ErrorKind::Gone) {
    gaps.push_back({"kubelet_state_unreadable", to_string(found.error())});
  }
}

/// NAMESPACE_NAME_UID: none of them can have "_".
void add_log_directory(const std::string& entry, Pods& pods) {
  const auto parts = split(entry, '_');
  if (parts.size() != 3 || !is_kubernetes_name(parts[0]) || !is_kubernetes_name(parts[1]) || !is_pod_uid(parts[2])) return;
  KubeletRecord& record = pods[std::string{parts[2]}];
  if (!record.pod_name.empty()) return;
  record.pod_namespace = parts[0];
  record.pod_name = parts[1];
  record.pod_uid = parts[2];
  record.source = "kubelet: " + std::string{kLogDirectory} + "/" + entry;
}

}  // namespace

void parse_managed_hosts(std::string_view text, KubeletRecord& record) {
  const auto lines = split(text, '\n');
  if (trim(lines.front()) == kManagedHostNetwork) record.host_network = true;
  // Any other file is the node's own, or the pod's image's.
  if (trim(lines.front()) != kManaged) return;
  for (const std::string_view line : lines) {
    if (trim(line) == kAliases) return;
    const auto fields = split(trim(line), '\t');
    const auto address = model::parse_ip(fields.front());
    if (fields.size() < 2 || !address || record.addresses.size() == kMaxAddressesOfPod) continue;
    const std::string_view name = trim(fields.back());
    if (!is_kubernetes_name(name) || name == "localhost" || name.substr(0, 4) == "ip6-") continue;
    record.addresses.push_back(*address);
    record.hostname = name;
  }
}

std::vector<KubeletRecord> list_kubelet_pods(machine::FileTree& tree, std::vector<model::Gap>& gaps) {
  Pods pods;
  std::vector<std::string> entries;
  list(tree, kLogDirectory, entries, gaps);
  for (const std::string& entry : entries) add_log_directory(entry, pods);
  for (const std::string_view directory : kPodDirectories) {
    std::vector<std::string> uids;
    list(tree, directory, uids, gaps);
    unsigned unreadable = 0;
    std::string first;
    for (const std::string& uid : uids) {
      if (!is_pod_uid(uid)) continue;
      const std::string path = std::string{directory} + "/" + uid + "/etc-hosts";
      const auto text = tree.read_file(path, {kMaxHostsBytes});
      if (!text) {
        if (text.error().kind != ErrorKind::Gone && ++unreadable == 1) first = to_string(text.error());
        continue;
      }
      KubeletRecord& record = pods[uid];
      record.pod_uid = uid;
      parse_managed_hosts(*text, record);
      record.source += (record.source.empty() ? "kubelet: " : ", ") + path;
    }
    if (unreadable != 0) {
      gaps.push_back({"kubelet_state_unreadable", std::to_string(unreadable) +
                                                      (unreadable == 1 ? " hosts file below " : " hosts files below ") +
                                                      std::string{directory} + ": " + first});
    }
  }
  std::vector<KubeletRecord> records;
  records.reserve(pods.size());
  for (auto& [uid, record] : pods) records.push_back(std::move(record));
  return records;
}

}  // namespace synfate::inventory
