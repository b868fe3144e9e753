// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "inventory/socket_owners.hpp"

#include <set>
#include <string_view>

#include "base/text.hpp"
#include "inventory/pod_processes.hpp"
#include "inventory/processes.hpp"

namespace synfate::inventory {
namespace {

constexpr std::size_t kMaxKnown = 1024;
/// In one search: 30 ms.
constexpr std::size_t kMaxDescriptors = 16'384;
constexpr std::size_t kMaxOfOneProcess = 4096;
constexpr std::size_t kMaxProcesses = 64;
constexpr std::size_t kMaxMountsBytes = 1U << 20U;
/// So long nobody is looked for again.
constexpr DurationNs kNobodyFor = 10 * kSecond;

std::optional<std::uint64_t> parse_socket_link(std::string_view target) {
  constexpr std::string_view kPrefix = "socket:[";
  if (!target.starts_with(kPrefix) || !target.ends_with(']')) return std::nullopt;
  return parse_number(target.substr(kPrefix.size(), target.size() - kPrefix.size() - 1));
}

/// Of the cgroup that the socket was made in, a few.
std::vector<std::uint32_t> processes_of_cgroup(machine::Machine& machine, std::uint64_t id) {
  std::vector<std::uint32_t> tgids;
  const auto path = machine.cgroup_path(id);
  // In the root are those that nobody put anywhere: all of a machine without pods.
  if (!path || *path == "/") return tgids;
  const auto mounts = machine.read_file("/proc/self/mounts", {kMaxMountsBytes, machine::Excess::Cut});
  if (!mounts) return tgids;
  for (const std::string_view line : split(*mounts, '\n')) {
    const auto fields = split(line, ' ');
    if (fields.size() < 3 || fields[2] != "cgroup2") continue;
    const auto text = machine.read_file(std::string(fields[1]) + *path + "/cgroup.procs");
    if (!text) return tgids;
    for (const std::string_view number : split(*text, '\n')) {
      const auto tgid = parse_number(number);
      if (tgid && *tgid != 0 && *tgid <= 0xffff'ffffU && tgids.size() < kMaxProcesses) tgids.push_back(static_cast<std::uint32_t>(*tgid));
    }
    return tgids;
  }
  return tgids;
}

}  // namespace

bool SocketOwners::holds_still(machine::Machine& machine, std::uint64_t inode, Owner& owner, MonotonicNs now) {
  if (owner.tgid == 0) return now - owner.searched_ns < kNobodyFor;
  const auto target = machine.read_link(owner.descriptor);
  if (!target || parse_socket_link(*target) != inode) return false;
  // A process that was started anew by exec() keeps what it listens on.
  owner.comm = read_comm(machine, owner.tgid);
  return true;
}

void SocketOwners::name(machine::Machine& machine, model::NetnsId netns, std::vector<model::ListenSocket>& sockets, MonotonicNs now) {
  if (known_.size() > kMaxKnown) known_.clear();
  std::set<std::uint64_t> wanted;
  std::set<std::uint64_t> cgroups;
  for (const model::ListenSocket& socket : sockets) {
    if (socket.inode == 0) continue;
    const auto known = known_.find(socket.inode);
    if (known != known_.end()) {
      if (holds_still(machine, socket.inode, known->second, now)) continue;
      known_.erase(known);
    }
    wanted.insert(socket.inode);
    if (socket.cgroup_id != 0 && cgroups.size() < kMaxProcesses) cgroups.insert(socket.cgroup_id);
  }
  std::size_t looked_at = 0;
  std::set<std::uint32_t> searched;
  const auto search = [&](std::uint32_t tgid) {
    if (wanted.empty() || looked_at >= kMaxDescriptors || !searched.insert(tgid).second) return;
    const std::string folder = "/proc/" + std::to_string(tgid) + "/fd";
    const auto names = machine.list_directory(folder, kMaxOfOneProcess);
    if (!names) return;
    for (const std::string& name : *names) {
      if (++looked_at >= kMaxDescriptors) return;
      const std::string descriptor = folder + "/" + name;
      const auto target = machine.read_link(descriptor);
      const auto inode = target ? parse_socket_link(*target) : std::nullopt;
      if (inode && wanted.erase(*inode) != 0) known_[*inode] = {tgid, read_comm(machine, tgid), descriptor, now};
    }
  };
  for (const std::uint64_t id : cgroups) {
    for (const std::uint32_t tgid : processes_of_cgroup(machine, id)) search(tgid);
  }
  if (!wanted.empty()) {
    for (const std::uint32_t tgid : processes_in(machine, netns, "")) search(tgid);
  }
  for (const std::uint64_t inode : wanted) known_[inode] = {0, "", "", now};
  for (model::ListenSocket& socket : sockets) {
    const auto found = known_.find(socket.inode);
    if (found == known_.end()) continue;
    socket.owner_tgid = found->second.tgid;
    socket.owner_comm = found->second.comm;
  }
}

}  // namespace synfate::inventory
