// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "inventory/pod_processes.hpp"

#include "inventory/cgroup_path.hpp"
#include "inventory/processes.hpp"

namespace synfate::inventory {
namespace {

constexpr std::size_t kMaxProcesses = 64;
constexpr std::size_t kMaxCgroupBytes = 64U << 10U;

bool is_of_pod(machine::Machine& machine, std::uint32_t tgid, const std::string& pod_uid) {
  const auto text = machine.read_file("/proc/" + std::to_string(tgid) + "/cgroup", {kMaxCgroupBytes, machine::Excess::Cut});
  return text && parse_cgroup(*text).pod_uid == pod_uid;
}

}  // namespace

bool is_in(machine::Machine& machine, std::uint32_t tgid, model::NetnsId netns) {
  const auto link = machine.read_link("/proc/" + std::to_string(tgid) + "/ns/net");
  return link && parse_netns_link(*link) == netns;
}

std::vector<std::uint32_t> processes_in(machine::Machine& machine, model::NetnsId netns, const std::string& pod_uid) {
  std::vector<std::uint32_t> found;
  const auto tgids = list_tgids(machine);
  if (!tgids) return found;
  for (const std::uint32_t tgid : *tgids) {
    if (found.size() >= kMaxProcesses) break;
    if (is_in(machine, tgid, netns) && (pod_uid.empty() || is_of_pod(machine, tgid, pod_uid))) found.push_back(tgid);
  }
  return found;
}

}  // namespace synfate::inventory
