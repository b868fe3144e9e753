// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "judge/tunnels.hpp"

#include "judge/words.hpp"

namespace synfate::judge {

using model::Event;
using model::Hop;
using model::HopKind;

const Event* tunnel_before(const model::Journey& journey, const Event& at) {
  const bool freed = at.get<model::Drop>() != nullptr;
  const Event* tunnel = nullptr;
  for (const Event& event : journey.events) {
    const auto* hop = event.get<Hop>();
    if (hop == nullptr || event.leg != at.leg || &event == &at || event.time_ns > at.time_ns || !is_tunnel(event.place)) continue;
    if (freed ? event.place.netns != at.place.netns : event.time_ns + kSameRound < at.time_ns) continue;
    if (event.place.same_device(at.place)) continue;
    if (hop->kind != HopKind::Xmit) {
      tunnel = nullptr;
    } else if (tunnel == nullptr) {
      // Of tunnels in tunnels the first: the packet itself went no further.
      tunnel = &event;
    }
  }
  return tunnel;
}

bool on_one_bridge(const Case& kase, const model::Place& one, const model::Place& other) {
  const model::Link* a = kase.link(one);
  const model::Link* b = kase.link(other);
  return one.netns == other.netns && a != nullptr && b != nullptr && a->bridge_port && b->bridge_port &&
         a->master_ifindex == b->master_ifindex;
}

std::optional<model::IpAddress> next_hop_of_outer(const Case& kase, const Event& drop) {
  std::optional<model::IpAddress> only;
  for (const model::NeighbourEvent& one : kase.journey().neighbours) {
    if (!one.place.same_device(drop.place)) continue;
    if (only && *only != one.address) return std::nullopt;
    only = one.address;
  }
  return only;
}

std::string edge_word(const model::Place& place) {
  if (is_tunnel(place)) return std::string(to_string(place.kind)) + " device " + clean(place.device);
  return clean(place.device);
}

}  // namespace synfate::judge
