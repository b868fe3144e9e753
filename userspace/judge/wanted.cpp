// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Which routes the causes will want to name. It judges nothing: an answer too many costs three questions to the kernel.
#include <algorithm>

#include "judge/judge.hpp"
#include "judge/tunnels.hpp"
#include "judge/ways.hpp"

namespace synfate::judge {
namespace {

using model::Drop;
using model::Event;
using model::Hop;
using model::HopKind;
using model::Leg;

/// The source address was not acceptable there.
bool is_about_source(const Drop& drop) { return drop.reason == "IP_RPFILTER" || drop.reason == "IP_LOCAL_SOURCE"; }

/// It had to be forwarded, and was not.
bool is_about_forwarding(const Drop& drop) {
  return drop.symbol.function == "ip_error" || (drop.symbol.function == "ip6_forward" && drop.reason == "IP_INADDRERRORS");
}

bool is_own(const model::Inventory& inventory, model::NetnsId id, const model::IpAddress& address) {
  const model::Netns* netns = inventory.find(id);
  return netns != nullptr && std::any_of(netns->links.begin(), netns->links.end(), [&](const model::Link& link) {
           return std::any_of(link.addresses.begin(), link.addresses.end(), [&](const auto& own) { return own.address == address; });
         });
}

/// A listener refused the SYN, or it came in, was sent again and was answered by nobody: then the way back may be what lacks.
const Event* refused_or_silent(const model::Journey& journey, const model::Inventory& inventory, const Event* left, const Event* dropped) {
  for (auto event = journey.events.rbegin(); event != journey.events.rend(); ++event) {
    const auto* decision = event->get<model::Decision>();
    if (decision == nullptr || decision->drops == 0 || event->place.netns == 0) continue;
    return decision->overflows == 0 && decision->syn_queue_full == 0 && decision->security_error == 0 ? &*event : nullptr;
  }
  const bool came_in = left != nullptr && left->leg == Leg::Syn && left->get<Hop>()->kind == HopKind::Receive;
  if (dropped != nullptr || !came_in || journey.syns < 2 || journey.server_established) return nullptr;
  return is_own(inventory, left->place.netns, left->flow.dst.address) ? left : nullptr;
}

}  // namespace

std::vector<WantedRoute> wanted_routes(const model::Journey& journey, const model::Inventory& inventory) {
  std::vector<WantedRoute> wanted;
  const Event* left = nullptr;
  const Event* dropped = nullptr;
  for (const Event& event : journey.events) {
    if (event.place.netns == 0) continue;
    if (event.get<Drop>() != nullptr) dropped = &event;
    if (event.get<Hop>() != nullptr && (event.leg == Leg::Syn || event.leg == Leg::SynAck)) left = &event;
  }
  if (dropped != nullptr) {
    const Drop& drop = *dropped->get<Drop>();
    if (is_about_source(drop)) wanted.push_back({dropped->place.netns, question_of_way_back(*dropped)});
    if (is_about_forwarding(drop)) wanted.push_back({dropped->place.netns, question_of_way_on(*dropped)});
  } else if (left != nullptr && left->get<Hop>()->kind == HopKind::Xmit && is_edge(left->place)) {
    // A tunnel's outer packet has a way of its own, which is not asked for: its addresses are not known.
    if (const Event* tunnel = tunnel_before(journey, *left)) left = tunnel;
    if (const auto question = question_of_departure(journey, inventory, *left)) wanted.push_back({left->place.netns, *question});
  }
  if (const Event* refused = refused_or_silent(journey, inventory, left, dropped))
    wanted.push_back({refused->place.netns, question_of_answer(*refused)});
  return wanted;
}

}  // namespace synfate::judge
