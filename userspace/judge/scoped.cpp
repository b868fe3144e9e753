// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "judge/scoped.hpp"

#include <algorithm>

#include "judge/words.hpp"

namespace synfate::judge {
namespace {

using model::DeviceKind;
using model::Event;
using model::Hop;
using model::HopKind;
using model::Leg;

bool is_port(const Case& kase, const model::Place& place) {
  const model::Link* link = kase.link(place);
  return link != nullptr && (link->bridge_port || link->master_ifindex != 0);
}

bool has_address(const model::Inventory& inventory, model::NetnsId id, const model::IpAddress& address) {
  const model::Netns* netns = inventory.find(id);
  return netns != nullptr && std::any_of(netns->links.begin(), netns->links.end(), [&](const model::Link& link) {
           return std::any_of(link.addresses.begin(), link.addresses.end(), [&](const auto& own) { return own.address == address; });
         });
}

bool is_by_a_bridge(const Case& kase, const Event& event) {
  const model::Drop& drop = *event.get<model::Drop>();
  const std::string_view function = drop.symbol.function;
  return function.starts_with("br_") || function.starts_with("__br_") || (drop.has_hook && drop.hook.family == 7) ||
         is_port(kase, event.place);
}

/// Copies are made behind that hook, and only for an address that the bridge does not know.
bool has_one_way(const Case& kase, const Event& event) {
  constexpr std::uint8_t kInput = 1;
  const model::Drop& drop = *event.get<model::Drop>();
  if (drop.has_hook && drop.hook.hook <= kInput) return true;
  const model::Netns* netns = kase.netns(event.place.netns);
  return netns != nullptr &&
         std::any_of(netns->fdb.begin(), netns->fdb.end(), [&](const model::FdbEntry& entry) { return entry.mac == drop.mac_destination; });
}

}  // namespace

std::string unobserved_way(const Case& kase) {
  if (!kase.inventory().scoped) return "";
  const Leg leg = kase.farthest_leg();
  const Event* last = kase.last_hop(leg);
  if (last == nullptr) {
    const model::NetnsId origin = kase.journey().origin_netns;
    if (origin == 0 || kase.sees(origin, kase.journey().first_ns)) return "";
    return "of " + netns_words(kase, origin) + " only devices on the scope's ways are observed";
  }
  if (kase.sees(last->place.netns, last->time_ns)) return "";
  const std::string only = "of " + netns_words(kase, last->place.netns) + " only devices on the scope's ways are observed";
  if (last->get<Hop>()->kind != HopKind::Xmit) {
    if (kase.inventory().scoped->ends_at(last->place.netns, last->flow.dst)) return "";
    // It has not gone on: its next hop is asked for.
    for (const model::NeighbourEvent& asked : kase.journey().neighbours) {
      if (asked.place.netns == last->place.netns) return "";
    }
    return only + ": the " + std::string(packet_word(leg)) + " may have gone on from there by another";
  }
  if (is_edge(last->place)) {
    if (!is_port(kase, last->place)) return "";
    return only + ": a bridge may have sent a copy to another port";
  }
  // Of a veth both ends are observed.
  if (last->place.kind == DeviceKind::Veth) return "";
  return only + ": the " + std::string(packet_word(leg)) + " may have gone on from " + clean(last->place.device) + " by another";
}

bool is_unplaced(const model::Journey& journey, const Event& drop, const model::Inventory& inventory) {
  const model::NetnsId netns = drop.place.netns;
  if (!inventory.scoped || netns == 0 || inventory.scoped->sees(netns, drop.time_ns)) return false;
  if (has_address(inventory, netns, drop.flow.dst.address)) return false;
  if (drop.leg == Leg::Syn && journey.local_client && journey.origin_netns == netns) return false;
  const bool came_in = std::any_of(journey.events.begin(), journey.events.end(), [&](const Event& event) {
    return event.leg == drop.leg && event.get<Hop>() != nullptr && event.place.netns == netns && event.time_ns <= drop.time_ns &&
           drop.time_ns - event.time_ns <= kSameRound;
  });
  if (came_in) return false;
  // It has to come by there to get home.
  return std::none_of(inventory.scoped->whole.begin(), inventory.scoped->whole.end(), [&](const auto& whole) {
    const model::Netns* home = inventory.find(whole.first);
    return has_address(inventory, whole.first, drop.flow.dst.address) &&
           std::any_of(home->links.begin(), home->links.end(), [&](const model::Link& link) { return link.peer_netns == netns; });
  });
}

std::string unobserved_copy(const Case& kase) {
  const Event* drop = kase.drop_event();
  if (!kase.inventory().scoped || drop == nullptr) return "";
  const std::string netns = netns_words(kase, drop->place.netns);
  if (is_unplaced(kase.journey(), *drop, kase.inventory())) {
    return "how the " + std::string(packet_word(drop->leg)) + " came to " + netns +
           " was not observed, since only devices on the scope's ways are: it may have been a copy";
  }
  if (kase.sees(drop->place.netns, drop->time_ns) || !is_by_a_bridge(kase, *drop)) return "";
  if (has_address(kase.inventory(), drop->place.netns, drop->flow.dst.address)) return "";
  if (has_one_way(kase, *drop)) return "";
  // Had a copy come to whom it is for, that would have been seen.
  for (const auto& [home, since_ns] : kase.inventory().scoped->whole) {
    if (since_ns <= drop->time_ns && has_address(kase.inventory(), home, drop->flow.dst.address)) return "";
  }
  return "of " + netns + " only devices on the scope's ways are observed: a copy may have left its bridge by another port";
}

std::string asked_afterwards(const Case& kase, const Event& left) {
  const model::Netns* netns = kase.netns(left.place.netns);
  if (netns == nullptr) return "";
  const auto side = std::find_if(netns->tc_sides.begin(), netns->tc_sides.end(),
                                 [&](const model::TcSide& each) { return each.ifindex == left.place.ifindex && !each.ingress; });
  if (side == netns->tc_sides.end()) return "what else of tc is asked at " + clean(left.place.device) + " was not read";
  if (!side->gap.empty()) return "what else of tc is asked at " + clean(left.place.device) + " is not known: " + clean(side->gap);
  for (const model::TcFilter& filter : side->filters) {
    const auto program = kase.inventory().programs.find(filter.program_id);
    const bool known = filter.program_id != 0 && program != kase.inventory().programs.end();
    return "tc at " + clean(left.place.device) + " asks " +
           (known && !program->second.name.empty() ? "program " + clean(program->second.name) : "a filter of kind " + clean(filter.kind)) +
           " after it was seen, which may send it elsewhere";
  }
  return "";
}

}  // namespace synfate::judge
