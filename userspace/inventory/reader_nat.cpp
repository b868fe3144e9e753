// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// What the reader looks up because of NAT; the rest of it is in reader.cpp.
#include <algorithm>

#include "inventory/modules.hpp"
#include "inventory/reader.hpp"
#include "inventory/tracked_flow.hpp"

namespace synfate::inventory {
namespace {

/// Of one namespace: those that were asked for last.
constexpr std::size_t kMaxTracked = 64;
constexpr std::size_t kMaxSearches = 64;
/// A module that is not there may come, but not for every row of a flood.
constexpr DurationNs kModulesAgain = 2 * kSecond;

bool is_same(const model::AddressSearch& a, const model::AddressSearch& b) {
  return a.owners == b.owners && a.namespaces == b.namespaces && a.gap == b.gap && a.beyond == b.beyond;
}

}  // namespace

void InventoryReader::doubt_services(model::NetnsId id, MonotonicNs now) {
  const auto book = services_.find(id);
  if (book != services_.end()) book->second.doubt(now);
}

bool InventoryReader::read_tracked(model::NetnsId id, const model::Flow& flow, MonotonicNs now) {
  const auto known = inventory_.namespaces.find(id);
  if (known == inventory_.namespaces.end() || known->second.gone) return false;
  if (!ask_ctnetlink_) {
    if (asked_modules_ns_ != 0 && asked_modules_ns_ + kModulesAgain > now) return false;
    asked_modules_ns_ = now;
    ask_ctnetlink_ = asking_loads_nothing(machine_, "nf_conntrack_netlink");
    if (!ask_ctnetlink_) return false;
  }
  std::optional<model::TrackedFlow> tracked;
  if (!visit(id, [&](machine::NetnsVisit& there, model::Netns&) { tracked = read_tracked_flow(there, flow); }) || !tracked) return false;
  auto& all = inventory_.namespaces[id].tracked;
  const auto before = std::find_if(all.begin(), all.end(), [&](const model::TrackedFlow& each) { return each.original == flow; });
  if (before != all.end() && before->reply == tracked->reply) return false;
  std::erase_if(all, [&](const model::TrackedFlow& each) { return each.original == flow; });
  if (all.size() >= kMaxTracked) all.erase(all.begin());
  all.push_back(*tracked);
  return true;
}

bool InventoryReader::search_address(const model::IpAddress& address, model::NetnsId id, std::uint32_t ifindex, MonotonicNs now) {
  if (census_.is_due(now)) {
    census_.begin(now);
    // Names in /run/netns come without a process that would tell of them.
    (void)refresh();
  }
  const auto doors = doors_;
  for (const auto& [each, paths] : doors) {
    if (census_.has(each)) continue;
    const Status visited = visit(each, [&, netns = each](machine::NetnsVisit& there, model::Netns&) { census_.take(netns, there); });
    if (!visited) census_.miss(each, visited.error());
  }
  model::AddressSearch search = census_.search(inventory_, address, id, ifindex);
  auto& all = inventory_.searches;
  if (const auto* before = inventory_.search_for(address, id, ifindex); before != nullptr && is_same(*before, search)) return false;
  std::erase_if(all, [&](const auto& each) { return each.address == address && each.netns == id && each.ifindex == ifindex; });
  if (all.size() >= kMaxSearches) all.erase(all.begin());
  all.push_back(std::move(search));
  return true;
}

}  // namespace synfate::inventory
