// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// The questions that causes ask of an attempt and of the machine around it; answers come from what was observed, or are "not known".
#include "judge/case.hpp"

#include <algorithm>

namespace synfate::judge {

using model::DeviceKind;
using model::Event;
using model::Leg;
using model::SocketEvent;
using model::SocketEventKind;

namespace {

/// What is read of the machine within this time of an event counts as of its time; the session reads nothing more often.
constexpr DurationNs kSoonEnough = 1 * kSecond;

}  // namespace

Case::Case(const model::Journey& journey, const model::Inventory& inventory, const JudgeOptions& options)
    : journey_(journey),
      inventory_(inventory),
      now_ns_(std::max(options.now_ns, journey.last_ns)),
      drops_(review_drops(journey, inventory)) {
  for (const Leg leg : {Leg::Syn, Leg::SynAck, Leg::Ack, Leg::Reset, Leg::ClientReset, Leg::IcmpError}) {
    hops_[static_cast<std::size_t>(leg)] = live_hops(journey, inventory, leg);
  }
  const Event* last = drop_event() != nullptr ? drop_event() : last_hop(farthest_leg());
  const MonotonicNs decided_ns = last != nullptr ? last->time_ns : journey.last_ns;
  for (const Pause& pause : options.pauses) {
    // What happened just before it was not judged yet.
    const bool meanwhile = decided_ns + kSameRound >= pause.from_ns && decided_ns < pause.until_ns;
    if (meanwhile && pause.until_ns - decided_ns > kSoonEnough) read_late_ns_ = std::max(read_late_ns_, pause.until_ns - decided_ns);
  }
}

const Event* Case::first_hop(Leg leg) const { return hops(leg).empty() ? nullptr : hops(leg).front(); }
const Event* Case::last_hop(Leg leg) const { return hops(leg).empty() ? nullptr : hops(leg).back(); }

Leg Case::farthest_leg() const {
  for (const Leg leg : {Leg::Ack, Leg::SynAck, Leg::Syn}) {
    if (seen(leg)) return leg;
  }
  return Leg::None;
}

const model::Receiver* Case::receiver(const Event& drop) const {
  for (const Event& event : journey_.events) {
    const auto* receiver = event.get<model::Receiver>();
    if (receiver != nullptr && event.skb == drop.skb && event.time_ns == drop.time_ns) return receiver;
  }
  return nullptr;
}

const Event* Case::socket_event(SocketEventKind kind) const {
  for (const Event& event : journey_.events) {
    const auto* socket = event.get<SocketEvent>();
    if (socket != nullptr && socket->kind == kind) return &event;
  }
  return nullptr;
}

bool Case::client_error(int error_number) const {
  return std::any_of(journey_.events.begin(), journey_.events.end(), [&](const Event& event) {
    const auto* socket = event.get<SocketEvent>();
    return socket != nullptr && socket->kind == SocketEventKind::Error && !socket->at_server && socket->error == error_number;
  });
}

DurationNs Case::observed_ns() const { return now_ns_ > journey_.first_ns ? now_ns_ - journey_.first_ns : 0; }

bool Case::retransmitted(Leg leg) const {
  if (leg == Leg::Syn) return journey_.syns >= 2 || socket_event(SocketEventKind::Retransmit) != nullptr;
  return leg == Leg::SynAck && socket_event(SocketEventKind::SynAckRetransmit) != nullptr;
}

bool Case::silence_counts() const {
  return retransmitted(Leg::Syn) || retransmitted(Leg::SynAck) || socket_event(SocketEventKind::Stale) != nullptr ||
         (journey_.ended && !journey_.interrupted) || observed_ns() >= kFirstTimeout;
}

bool Case::closed_early_by_client() const {
  return journey_.ended && !journey_.interrupted && !retransmitted(Leg::Syn) && !retransmitted(Leg::SynAck) &&
         socket_event(SocketEventKind::Stale) == nullptr && journey_.last_ns - journey_.first_ns < kFirstTimeout;
}

const model::Link* Case::link(const model::Place& place) const {
  const model::Netns* found = inventory_.find(place.netns);
  return found == nullptr ? nullptr : found->link(place.ifindex);
}

std::optional<bool> Case::is_local_address(model::NetnsId id, const model::IpAddress& address) const {
  const model::Netns* found = inventory_.find(id);
  if (found == nullptr || found->links.empty()) return std::nullopt;
  for (const model::Link& one : found->links) {
    for (const model::InterfaceAddress& own : one.addresses) {
      if (own.address == address) return true;
    }
  }
  return false;
}

std::optional<bool> Case::is_on_link(model::NetnsId id, const model::IpAddress& address) const {
  const model::Netns* found = inventory_.find(id);
  if (found == nullptr || found->links.empty()) return std::nullopt;
  for (const model::Link& one : found->links) {
    for (const model::InterfaceAddress& own : one.addresses) {
      if (own.prefix_length != 0 && model::Prefix{own.address, own.prefix_length}.contains(address)) return true;
    }
  }
  return false;
}

std::optional<std::string> Case::sysctl(model::NetnsId id, const std::string& key) const {
  const model::Netns* found = inventory_.find(id);
  if (found == nullptr) return std::nullopt;
  const auto it = found->sysctls.find(key);
  if (it == found->sysctls.end()) return std::nullopt;
  return it->second;
}

bool is_tunnel(const model::Place& place) {
  switch (place.kind) {
    case DeviceKind::Vxlan:
    case DeviceKind::Geneve:
    case DeviceKind::Ipip:
    case DeviceKind::Gre:
    case DeviceKind::Wireguard: return true;
    default: return false;
  }
}

bool is_edge(const model::Place& place) { return place.kind == DeviceKind::Physical || place.kind == DeviceKind::Tun || is_tunnel(place); }

namespace {

/// Where the SYN was last received and the first SYN-ACK was then sent: its socket's own word may still be on its way. 0 if not so.
model::NetnsId answering_netns(const model::Journey& journey, const model::Inventory& inventory) {
  const Event* last_syn = nullptr;
  for (const Event& event : journey.events) {
    const auto* hop = event.get<model::Hop>();
    if (hop == nullptr) continue;
    if (event.leg == Leg::Syn) last_syn = &event;
    if (event.leg != Leg::SynAck) continue;
    const bool here = last_syn != nullptr && last_syn->get<model::Hop>()->kind != model::HopKind::Xmit &&
                      hop->kind == model::HopKind::Xmit && last_syn->place.netns == event.place.netns;
    // Where not all of it is observed the SYN may have gone through, and the SYN-ACK have come from beyond.
    const bool surely = !inventory.scoped || inventory.scoped->sees(event.place.netns, last_syn == nullptr ? 0 : last_syn->time_ns) ||
                        (last_syn != nullptr && inventory.scoped->ends_at(event.place.netns, last_syn->flow.dst));
    return here && surely ? event.place.netns : 0;
  }
  return 0;
}

}  // namespace

model::NetnsId server_netns(const model::Journey& journey, const model::Inventory& inventory) {
  model::NetnsId netns = answering_netns(journey, inventory);
  for (const Event& event : journey.events) {
    const auto* socket = event.get<SocketEvent>();
    if (socket != nullptr && socket->at_server && event.place.netns != 0) netns = event.place.netns;
    const auto* closing = event.get<model::Closing>();
    if (closing != nullptr && closing->at_server && event.place.netns != 0) netns = event.place.netns;
    if (event.get<model::Decision>() != nullptr && event.place.netns != 0) netns = event.place.netns;
    const auto* drop = event.get<model::Drop>();
    if (drop != nullptr && event.leg == Leg::Syn && drop->reason == "NO_SOCKET" && event.place.netns != 0) netns = event.place.netns;
  }
  return netns;
}

}  // namespace synfate::judge
