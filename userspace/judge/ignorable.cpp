// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Drops that happen in normal operation and mean nothing: copies for taps, duplicates that TCP has answered, clones of a flooding
// bridge. A drop that could be a failure is never hidden here.
#include <algorithm>

#include "judge/case.hpp"

namespace synfate::judge {
namespace {

using model::Drop;
using model::Event;
using model::Hop;
using model::HopKind;
using model::Leg;
using model::SocketEvent;
using model::SocketEventKind;

bool is_tap(std::string_view function) {
  return function == "packet_rcv" || function == "tpacket_rcv" || function == "packet_rcv_spkt" || function == "packet_rcv_fanout";
}

/// Kernels have reasons since c504e5c2f964 (5.17, and by backport in later 5.15.x).
bool is_no_reason(std::string_view reason) { return reason.empty() || reason == "NOT_SPECIFIED"; }

/// TCP frees a duplicate with no reason, or with one that only says that the packet was not what the state expects.
bool is_reason_of_duplicates(std::string_view reason) {
  return is_no_reason(reason) || reason == "TCP_INVALID_SYN" || reason == "TCP_OLD_SEQUENCE" || reason == "TCP_INVALID_SEQUENCE" ||
         reason == "TCP_OLD_DATA" || reason == "TCP_OLD_ACK" || reason == "TCP_FLAGS";
}

bool hop_until(const model::Journey& journey, Leg leg, MonotonicNs time_ns) {
  return std::any_of(journey.events.begin(), journey.events.end(),
                     [&](const Event& event) { return event.leg == leg && event.get<Hop>() != nullptr && event.time_ns <= time_ns; });
}

bool synack_retransmitted_until(const model::Journey& journey, MonotonicNs time_ns) {
  return std::any_of(journey.events.begin(), journey.events.end(), [&](const Event& event) {
    const auto* socket = event.get<SocketEvent>();
    return socket != nullptr && socket->kind == SocketEventKind::SynAckRetransmit && event.time_ns <= time_ns;
  });
}

/// The hop brought a copy to the device where it was then freed for its foreign MAC address, or to the veth end just before.
bool leads_to(const Event& hop, const Event& drop, const model::Inventory& inventory) {
  if (hop.leg != drop.leg || hop.time_ns > drop.time_ns || drop.time_ns - hop.time_ns > kSameRound) return false;
  if (hop.place.same_device(drop.place)) return hop.get<Hop>()->kind != HopKind::Xmit;
  if (hop.get<Hop>()->kind != HopKind::Xmit) return false;
  const model::Netns* netns = inventory.find(hop.place.netns);
  const model::Link* link = netns == nullptr ? nullptr : netns->link(hop.place.ifindex);
  return link != nullptr && link->peer_netns == drop.place.netns && link->peer_ifindex == drop.place.ifindex;
}

}  // namespace

bool is_tcp_receive(std::string_view function) {
  return function == "tcp_v4_rcv" || function == "tcp_v6_rcv" || function == "tcp_v4_do_rcv" || function == "tcp_v6_do_rcv" ||
         function == "tcp_rcv_state_process";
}

bool is_for_other_mac(const Event& event) {
  const Drop* drop = event.get<Drop>();
  return drop != nullptr && drop->reason == "OTHERHOST";
}

bool is_by_design(const model::Journey& journey, const Event& event) {
  const Drop* drop = event.get<Drop>();
  if (drop == nullptr) return false;
  if (is_tap(drop->symbol.function) || drop->reason == "SKB_CONSUMED" || drop->reason == "SKB_NOT_DROPPED_YET") return true;
  if (!is_tcp_receive(drop->symbol.function)) return false;
  switch (event.leg) {
    case Leg::Syn:
      return is_reason_of_duplicates(drop->reason) && (hop_until(journey, Leg::SynAck, event.time_ns + kSameMoment) ||
                                                       synack_retransmitted_until(journey, event.time_ns + kSameMoment));
    case Leg::SynAck:
      return is_reason_of_duplicates(drop->reason) && (journey.client_established || hop_until(journey, Leg::Ack, event.time_ns));
    case Leg::Ack:
      // TCP_DEFER_ACCEPT's ignored ACK; older kernels free the ACK that finds a full accept queue in the same words.
      return is_no_reason(drop->reason);
    default: return false;
  }
}

std::vector<const Event*> live_hops(const model::Journey& journey, const model::Inventory& inventory, Leg leg) {
  std::vector<const Event*> foreign;
  for (const Event& event : journey.events) {
    if (event.leg == leg && is_for_other_mac(event)) foreign.push_back(&event);
  }
  std::vector<const Event*> hops;
  for (const Event& event : journey.events) {
    if (event.leg != leg || event.get<Hop>() == nullptr) continue;
    const bool flooded = std::any_of(foreign.begin(), foreign.end(), [&](const Event* drop) { return leads_to(event, *drop, inventory); });
    if (!flooded) hops.push_back(&event);
  }
  leave_out_duplicates(journey, inventory, leg, hops);
  return hops;
}

}  // namespace synfate::judge
