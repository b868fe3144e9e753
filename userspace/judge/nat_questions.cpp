// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <algorithm>

#include "judge/meaning.hpp"
#include "judge/nat.hpp"
#include "judge/tunnels.hpp"

namespace synfate::judge {
namespace {

using model::Event;
using model::Journey;
using model::Leg;

constexpr std::size_t kMaxFlows = 8;

bool is_answered(const Journey& journey) {
  if (journey.client_established || journey.server_established) return true;
  return std::any_of(journey.events.begin(), journey.events.end(),
                     [](const Event& event) { return event.leg == Leg::SynAck || event.leg == Leg::Ack; });
}

/// Where the SYN itself was, in the order of time.
std::vector<const Event*> stations(const Journey& journey) {
  std::vector<const Event*> found;
  for (const Event& event : journey.events) {
    if (event.leg != Leg::Syn || (event.get<model::Hop>() == nullptr && event.get<model::Drop>() == nullptr)) continue;
    if (!is_for_other_mac(event)) found.push_back(&event);
  }
  std::stable_sort(found.begin(), found.end(), [](const Event* a, const Event* b) { return a->time_ns < b->time_ns; });
  return found;
}

bool leaves(const Event& event) {
  const auto* hop = event.get<model::Hop>();
  return hop != nullptr && hop->kind == model::HopKind::Xmit;
}

/// Where it last came in as the client sent it, if it went on otherwise from there. A namespace that is not known may have been in between
/// where the two are two.
model::NetnsId translator_of(const Journey& journey, const std::vector<const Event*>& way, const model::Endpoint& sent_to) {
  model::NetnsId before = journey.local_client ? journey.origin_netns : 0;
  for (const Event* event : way) {
    if (event->flow.dst == sent_to) return before == event->place.netns ? before : 0;
    if (!leaves(*event)) before = event->place.netns;
  }
  return leaves(*way.back()) && way.back()->place.netns != journey.origin_netns ? 0 : before;
}

const model::TrackedFlow* tracked_in(const model::Inventory& inventory, model::NetnsId id, const model::Flow& flow) {
  const model::Netns* netns = inventory.find(id);
  if (netns == nullptr) return nullptr;
  const auto entry =
      std::find_if(netns->tracked.begin(), netns->tracked.end(), [&](const model::TrackedFlow& each) { return each.original == flow; });
  return entry == netns->tracked.end() ? nullptr : &*entry;
}

/// A SYN that was last seen coming in: conntrack there may know what became of its destination.
void ask_conntrack(const model::Inventory& inventory, const Event& last, NatQuestions& questions) {
  if (leaves(last)) return;
  const model::TrackedFlow* entry = tracked_in(inventory, last.place.netns, last.flow);
  if (entry == nullptr || !entry->sent_to()) return;
  questions.sent_to = entry->sent_to();
  questions.translator = last.place.netns;
}

/// Bridges that call iptables keep a translated SYN for ARP before conntrack has its entry, and before any device has it (br_netfilter,
/// br_nf_pre_routing_finish_bridge).
void ask_neighbours(const Journey& journey, const model::Inventory& inventory, const Event& last, NatQuestions& questions) {
  // A drop shows the destination that the packet had.
  const model::ServicePort* service = leaves(last) || last.get<model::Drop>() != nullptr ? nullptr : asked_service(journey, inventory);
  if (service == nullptr) return;
  std::optional<model::Endpoint> found;
  for (const model::NeighbourEvent& asked : journey.neighbours) {
    const auto endpoint = std::find_if(service->endpoints.begin(), service->endpoints.end(),
                                       [&](const model::Endpoint& each) { return each.address == asked.address; });
    if (asked.place.netns != last.place.netns || endpoint == service->endpoints.end()) continue;
    // Others may be asking as well.
    if (found && *found != *endpoint) return;
    found = *endpoint;
  }
  if (!found) return;
  questions.sent_to = found;
  questions.concluded = true;
}

/// Freed while the destination itself was being asked for; it is not when a tunnel's outer packet was to be sent.
bool is_at_neighbour(const Journey& journey, const Event& last) {
  const auto* drop = last.get<model::Drop>();
  return drop != nullptr && drop->reason.starts_with("NEIGH_") && !drop->gateway && tunnel_before(journey, last) == nullptr;
}

/// The device by which that address is being asked for, else the one that the SYN last left by.
model::Place device_for(const Journey& journey, const std::vector<const Event*>& way, const model::IpAddress& address) {
  for (auto asked = journey.neighbours.rbegin(); asked != journey.neighbours.rend(); ++asked) {
    if (asked->address == address) return asked->place;
  }
  const Event& last = *way.back();
  if (is_at_neighbour(journey, last)) return last.place;
  if (leaves(last)) {
    const Event* tunnel = tunnel_before(journey, last);
    return tunnel != nullptr ? tunnel->place : last.place;
  }
  model::Place unknown;
  unknown.netns = last.place.netns;
  return unknown;
}

}  // namespace

NatQuestions questions_about_nat(const Journey& journey, const model::Inventory& inventory) {
  NatQuestions questions;
  const auto way = stations(journey);
  if (is_answered(journey) || way.empty() || journey.faces.empty()) return questions;
  const model::Flow& asked = journey.faces.front();
  for (const model::Flow& face : journey.faces) {
    if (face.dst != asked.dst) questions.sent_to = face.dst;
  }
  if (questions.sent_to) {
    questions.translator = translator_of(journey, way, *questions.sent_to);
  } else {
    ask_conntrack(inventory, *way.back(), questions);
    if (!questions.sent_to) ask_neighbours(journey, inventory, *way.back(), questions);
  }
  questions.left_as_asked = leaves(*way.back()) && way.back()->flow.dst == asked.dst;
  if (journey.local_client && journey.origin_netns != 0) questions.flows.emplace_back(journey.origin_netns, asked);
  for (const Event* event : way) {
    const bool had =
        std::any_of(questions.flows.begin(), questions.flows.end(), [&](const auto& each) { return each.first == event->place.netns; });
    if (event->place.netns == 0 || had || leaves(*event) || questions.flows.size() >= kMaxFlows) continue;
    questions.flows.emplace_back(event->place.netns, event->flow);
  }
  const model::IpAddress address = questions.sent_to ? questions.sent_to->address : asked.dst.address;
  const bool is_asked_for =
      std::any_of(journey.neighbours.begin(), journey.neighbours.end(), [&](const auto& each) { return each.address == address; });
  const auto* drop = way.back()->get<model::Drop>();
  const bool arrived = drop != nullptr && drop->reason == "NO_SOCKET";
  const bool elsewhere = questions.sent_to && questions.sent_to->address != asked.dst.address;
  if (!arrived && (elsewhere || is_asked_for || is_at_neighbour(journey, *way.back()))) {
    questions.wanted = address;
    questions.by = device_for(journey, way, address);
  }
  return questions;
}

}  // namespace synfate::judge
