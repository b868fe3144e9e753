// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "judge/answers.hpp"

#include <algorithm>

#include "judge/words.hpp"

namespace synfate::judge {
namespace {

using model::Event;
using model::Hop;
using model::HopKind;
using model::IcmpSent;
using model::Leg;
using model::SocketEvent;
using model::SocketEventKind;

bool same_moment(const Event& a, const Event& b) {
  return (a.time_ns > b.time_ns ? a.time_ns - b.time_ns : b.time_ns - a.time_ns) <= kSameMoment;
}

/// What asks for smaller packets is an "unreachable" of ICMP, and a type of its own of ICMPv6.
bool is_of_kind(IcmpKind kind, std::uint8_t family, std::uint8_t type, std::uint8_t code) {
  switch (kind) {
    case IcmpKind::Unreachable: return family == 6 ? type == 1 : type == 3;
    case IcmpKind::TooBig: return family == 6 ? type == 2 : type == 3 && code == 4;
    case IcmpKind::TimeExceeded: return type == (family == 6 ? 3 : 11);
  }
  return false;
}

/// The first hop of that leg at the moment of the drop, if it leaves the namespace of the drop: then it was made there.
const Event* made_at(const Case& kase, Leg leg, const Event& drop) {
  for (const Event* hop : kase.hops(leg)) {
    if (!same_moment(*hop, drop)) continue;
    // Where that namespace was not observed the answer is met on its way.
    if (!kase.sees(drop.place.netns, drop.time_ns)) return hop;
    return hop->place.netns == drop.place.netns && hop->get<Hop>()->kind == HopKind::Xmit ? hop : nullptr;
  }
  return nullptr;
}

const Event* reset_sent(const Case& kase, const Event& drop) {
  for (const Event& event : kase.journey().events) {
    const auto* socket = event.get<SocketEvent>();
    if (socket != nullptr && socket->kind == SocketEventKind::ResetSent && event.place.netns == drop.place.netns &&
        same_moment(event, drop)) {
      return &event;
    }
  }
  return nullptr;
}

/// RSTs answer a SYN towards the client, and a SYN-ACK towards the server.
Leg reset_leg(const Event& drop) { return drop.leg == Leg::SynAck ? Leg::ClientReset : Leg::Reset; }

bool came_from_beyond(const Event* first) { return first != nullptr && first->get<Hop>()->kind != HopKind::Xmit && is_edge(first->place); }

}  // namespace

std::optional<Refusal> icmp_error_at(const Case& kase, const Event& drop, IcmpKind kind) {
  for (const Event& event : kase.journey().events) {
    const auto* icmp = event.get<IcmpSent>();
    if (icmp == nullptr || event.leg != drop.leg || event.place.netns != drop.place.netns || !same_moment(event, drop)) continue;
    if (!is_of_kind(kind, event.flow.family(), icmp->type, icmp->code)) continue;
    if (event.skb != 0 && drop.skb != 0 && event.skb != drop.skb) continue;
    return Refusal{
        &event, false,
        "an " + icmp_words(event.flow.family(), icmp->type, icmp->code) + " was sent in " + netns_words(kase, event.place.netns)};
  }
  if (drop.leg != Leg::Syn) return std::nullopt;
  const Event* hop = made_at(kase, Leg::IcmpError, drop);
  if (hop == nullptr || !is_of_kind(kind, drop.flow.family(), hop->get<Hop>()->icmp_type, hop->get<Hop>()->icmp_code)) return std::nullopt;
  return Refusal{hop, false,
                 "an " + icmp_words(drop.flow.family(), hop->get<Hop>()->icmp_type, hop->get<Hop>()->icmp_code) + " left by " +
                     place_words(kase, hop->place)};
}

std::optional<Refusal> reset_at(const Case& kase, const Event& drop) {
  const Event* hop = made_at(kase, reset_leg(drop), drop);
  if (hop == nullptr || reset_sent(kase, drop) != nullptr) return std::nullopt;
  return Refusal{hop, true, "a RST left by " + place_words(kase, hop->place) + " that no TCP socket sent"};
}

std::optional<Refusal> tcp_reset_from(const Case& kase, const Event& drop) {
  if (const Event* sent = reset_sent(kase, drop)) {
    return Refusal{sent, true, "TCP in " + netns_words(kase, sent->place.netns) + " sent a RST"};
  }
  if (const Event* hop = made_at(kase, reset_leg(drop), drop)) {
    return Refusal{hop, true, "a RST left by " + place_words(kase, hop->place)};
  }
  return std::nullopt;
}

const Event* reset_from_beyond(const Case& kase) {
  const Event* first = kase.first_hop(Leg::Reset);
  const bool made_here = kase.socket_event(SocketEventKind::ResetSent) != nullptr;
  return came_from_beyond(first) && !made_here ? first : nullptr;
}

const Event* icmp_from_beyond(const Case& kase) {
  const Event* first = kase.first_hop(Leg::IcmpError);
  if (!came_from_beyond(first)) return nullptr;
  const bool made_here = std::any_of(kase.journey().events.begin(), kase.journey().events.end(),
                                     [](const Event& event) { return event.get<IcmpSent>() != nullptr; });
  return made_here ? nullptr : first;
}

std::optional<std::string> answer_lost_note(const Case& kase, Leg leg) {
  for (const Event& event : kase.journey().events) {
    const auto* drop = event.get<model::Drop>();
    if (drop == nullptr || event.leg != leg || is_for_other_mac(event) || is_by_design(kase.journey(), event)) continue;
    // The client's TCP frees an answer after it has acted on it; one that a socket kept in its error queue is purged when that closes.
    if (is_tcp_receive(drop->symbol.function) || (leg == Leg::IcmpError && drop->reason == "QUEUE_PURGE")) continue;
    return "a copy of the " + std::string(packet_word(leg)) + " was itself dropped on its way, at " + place_words(kase, event.place) +
           " by " + function_words(*drop) + " (" + reason_words(*drop) + ")";
  }
  return std::nullopt;
}

}  // namespace synfate::judge
