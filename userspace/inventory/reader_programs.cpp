// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// The reader's answers about programs, policies and connections that may have dropped a packet: asked only after a drop that is theirs.
#include <algorithm>

#include "base/text.hpp"
#include "inventory/modules.hpp"
#include "inventory/reader.hpp"
#include "inventory/sockets.hpp"
#include "inventory/tc_filters.hpp"
#include "inventory/time_wait.hpp"
#include "inventory/xfrm.hpp"

namespace synfate::inventory {
namespace {

constexpr std::size_t kMaxTcSides = 64;
constexpr std::size_t kMaxCgroups = 256;
constexpr DurationNs kCgroupFresh = 1 * kSecond;
constexpr std::size_t kMaxModulesBytes = 4096;
constexpr DurationNs kSecurityFresh = 100 * kMillisecond;

}  // namespace

Status InventoryReader::read_tc_side(model::NetnsId id, std::uint32_t ifindex, bool ingress, MonotonicNs now) {
  std::set<std::uint32_t> ids;
  const auto visited = visit(id, [&](machine::NetnsVisit& there, model::Netns& netns) {
    model::TcSide side = inventory::read_tc_side(there, ifindex, ingress);
    for (const model::TcFilter& filter : side.filters) {
      ids.insert(filter.program_id);
      ids.insert(filter.action_programs.begin(), filter.action_programs.end());
    }
    std::erase_if(netns.tc_sides, [&](const model::TcSide& each) { return each.ifindex == ifindex && each.ingress == ingress; });
    if (netns.tc_sides.size() >= kMaxTcSides) netns.tc_sides.erase(netns.tc_sides.begin());
    netns.tc_sides.push_back(std::move(side));
  });
  if (!visited) return visited;
  read_programs(ids, now);
  // Those of bpf/devices.bpf.c, this synfate's and others', decide nothing.
  for (model::TcSide& side : inventory_.namespaces[id].tc_sides) {
    std::erase_if(side.filters, [&](const model::TcFilter& filter) {
      const auto program = inventory_.programs.find(filter.program_id);
      return program != inventory_.programs.end() && filter.kind == "tcx" &&
             (program->second.name == "synfate_ingress" || program->second.name == "synfate_egress");
    });
  }
  return visited;
}

bool InventoryReader::read_xdp_programs(model::NetnsId id, std::uint32_t ifindex, MonotonicNs now) {
  const model::Netns* netns = inventory_.find(id);
  const model::Link* link = netns == nullptr ? nullptr : netns->link(ifindex);
  if (link == nullptr) return false;
  std::set<std::uint32_t> ids;
  for (const model::XdpProgram& program : link->xdp) ids.insert(program.id);
  return read_programs(ids, now);
}

bool InventoryReader::read_cgroup(std::uint64_t cgroup_id, MonotonicNs now) {
  const auto before = cgroups_ns_.find(cgroup_id);
  if (cgroup_id == 0 || (before != cgroups_ns_.end() && before->second + kCgroupFresh > now)) return false;
  if (inventory_.cgroups.size() >= kMaxCgroups && !inventory_.cgroups.contains(cgroup_id)) {
    cgroups_ns_.erase(inventory_.cgroups.begin()->first);
    inventory_.cgroups.erase(inventory_.cgroups.begin());
  }
  const model::CgroupPrograms& programs = inventory_.cgroups[cgroup_id] = read_cgroup_programs(machine_, cgroup_id);
  cgroups_ns_[cgroup_id] = now;
  std::set<std::uint32_t> ids;
  for (const auto* list : {&programs.ingress, &programs.egress}) {
    for (const model::CgroupProgram& program : *list) ids.insert(program.id);
  }
  read_programs(ids, now);
  return true;
}

bool InventoryReader::read_security_modules() {
  if (!inventory_.security_modules.empty()) return false;
  const auto text = machine_.read_file("/sys/kernel/security/lsm", {kMaxModulesBytes});
  if (!text) return false;
  inventory_.security_modules = trim(*text);
  return true;
}

void InventoryReader::set_security_hooks(std::map<std::uint32_t, std::string> hooks, bool own_reason) {
  security_hooks_ = std::move(hooks);
  security_has_reason_ = own_reason;
}

bool InventoryReader::read_security_programs(MonotonicNs now) {
  if (security_programs_ns_ && *security_programs_ns_ + kSecurityFresh > now) return false;
  security_programs_ns_ = now;
  auto programs = find_security_programs(machine_, security_hooks_);
  const bool known = inventory_.security_programs.has_value();
  inventory_.security_programs.reset();
  if (!programs) return known;
  std::set<std::uint32_t> ids;
  for (const model::SecurityProgram& program : *programs) ids.insert(program.id);
  inventory_.security_programs = model::SecurityPrograms{std::move(*programs), security_has_reason_, now};
  read_programs(ids, now);
  return true;
}

Status InventoryReader::read_xfrm(model::NetnsId id) {
  if (!ask_xfrm_) ask_xfrm_ = asking_loads_nothing(machine_, "xfrm_user");
  return visit(id, [&](machine::NetnsVisit& there, model::Netns& netns) { read_xfrm_of(there, netns, *ask_xfrm_); });
}

bool InventoryReader::read_time_wait(model::NetnsId id, const model::Flow& flow) {
  if (!ask_inet_diag_) ask_inet_diag_ = may_ask_inet_diag(machine_);
  if (!*ask_inet_diag_) return false;
  bool changed = false;
  (void)visit(id, [&](machine::NetnsVisit& there, model::Netns& netns) {
    const auto before = netns.time_wait;
    read_time_wait_of(there, netns, flow);
    changed = netns.time_wait != before;
  });
  return changed;
}

}  // namespace synfate::inventory
