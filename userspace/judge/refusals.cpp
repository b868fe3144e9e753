// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "judge/refusals.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "judge/listeners.hpp"
#include "judge/ways.hpp"
#include "judge/words.hpp"

namespace synfate::judge {
namespace {

using model::Decision;
using model::Event;
using model::Leg;

/// An answer that the refusing function itself sent is none of a refusal: a RST of MPTCP, a SYN-ACK after Fast Open had no room.
bool answered_at_once(const Case& kase, const Event& refused) {
  for (const Leg answer : {Leg::SynAck, Leg::Reset, Leg::IcmpError}) {
    for (const Event* hop : kase.hops(answer)) {
      if (hop->time_ns >= refused.time_ns && hop->time_ns <= refused.time_ns + kSameRound) return true;
    }
  }
  return false;
}

/// Without cookies the kernel keeps the last quarter of tcp_max_syn_backlog for peers that it knows (tcp_conn_request(), 5.15 to 6.18).
/// Nothing: its settings are not known, or the queue was near the mark, which it may have crossed meanwhile.
std::optional<bool> in_reserve(const Case& kase, const Event& event, const Decision& decision) {
  constexpr std::uint64_t kNear = 8;
  const auto number = [&](const char* key) {
    const auto text = kase.sysctl(event.place.netns, key);
    return text ? parse_number(trim(*text)) : std::nullopt;
  };
  const auto cookies = number("net.ipv4.tcp_syncookies");
  const auto backlog = number("net.ipv4.tcp_max_syn_backlog");
  if (cookies && *cookies != 0) return false;
  if (!cookies || !backlog) return std::nullopt;
  // In the kernel: backlog - half-open < backlog / 4, and more than the backlog is less than that too.
  const std::uint64_t mark = *backlog - *backlog / 4;
  if (decision.half_open > mark) return true;
  if (decision.half_open + kNear > mark && decision.half_open != 0) return std::nullopt;
  return false;
}

/// In the order in which tcp_conn_request() asks; each is its last question then.
RefusedFor reason_of(const Case& kase, ListenerRefusal& refusal) {
  const Decision& decision = *refusal.decision;
  if (decision.syn_queue_full != 0) return RefusedFor::SynQueue;
  if (decision.overflows != 0) return RefusedFor::AcceptQueue;
  if (decision.security_error != 0) return RefusedFor::Security;
  refusal.in_reserve = in_reserve(kase, *refusal.event, decision);
  const model::RouteAnswer* back = answer_to(kase, refusal.event->place.netns, question_of_answer(*refusal.event));
  if (back != nullptr && !back->error.empty() && back->time_ns + kRouteAge >= refusal.event->time_ns) {
    refusal.way_back = back;
    return RefusedFor::NoRoute;
  }
  return refusal.in_reserve == true ? RefusedFor::SynReserve : RefusedFor::Unnamed;
}

const model::ListenSocket* listener_of(const Case& kase, const ListenerRefusal& refusal) {
  const model::Netns* netns = kase.netns(refusal.event->place.netns);
  if (netns == nullptr || refusal.decision->inode == 0) return nullptr;
  for (auto reading = netns->listen_readings.rbegin(); reading != netns->listen_readings.rend(); ++reading) {
    for (const model::ListenSocket& socket : reading->sockets) {
      if (socket.inode == refusal.decision->inode) return &socket;
    }
  }
  for (const model::ListenSocket& socket : netns->listeners) {
    if (socket.inode == refusal.decision->inode) return &socket;
  }
  return nullptr;
}

std::optional<ListenerRefusal> last_refusal(const Case& kase) {
  ListenerRefusal refusal;
  for (const Event& event : kase.journey().events) {
    const auto* decision = event.get<Decision>();
    if (decision == nullptr || decision->drops == 0 || answered_at_once(kase, event)) continue;
    ++refusal.times;
    if (refusal.event != nullptr && refusal.event->time_ns > event.time_ns) continue;
    refusal.event = &event;
    refusal.decision = decision;
  }
  if (refusal.event == nullptr) return std::nullopt;
  refusal.listener = listener_of(kase, refusal);
  refusal.reason = reason_of(kase, refusal);
  return refusal;
}

std::string counted_words(const Decision& decision) {
  std::string words;
  const auto add = [&](const char* name, unsigned moved) {
    if (moved != 0) words += (words.empty() ? "" : ", ") + std::string(name) + " by " + std::to_string(moved);
  };
  add("ListenOverflows", decision.overflows);
  add("TCPReqQFullDrop", decision.syn_queue_full);
  add("ListenDrops", decision.drops);
  return words;
}

}  // namespace

std::optional<ListenerRefusal> refusal_of(const Case& kase) {
  if (kase.journey().server_established || kase.journey().client_established) return std::nullopt;
  auto refusal = last_refusal(kase);
  if (!refusal) return std::nullopt;
  for (const Leg answer : {Leg::SynAck, Leg::Reset, Leg::IcmpError}) {
    const Event* last = kase.last_hop(answer);
    if (last != nullptr && last->time_ns > refusal->event->time_ns) return std::nullopt;
  }
  const Event* drop = kase.drop_event();
  return drop != nullptr && drop->time_ns > refusal->event->time_ns ? std::nullopt : refusal;
}

std::string refuser_words(const ListenerRefusal& refusal) {
  return refusal.listener != nullptr ? owner_words(*refusal.listener) : to_string(refusal.event->flow.dst);
}

Finding finding_about_refusal(const Case& kase, const ListenerRefusal& refusal) {
  const Decision& decision = *refusal.decision;
  Finding finding;
  finding.packet = Leg::Syn;
  finding.where.netns = refusal.event->place.netns;
  // The kernel tells the device's number only.
  for (const Event* hop : kase.hops(Leg::Syn)) {
    if (hop->place.netns == refusal.event->place.netns && hop->place.ifindex == refusal.event->place.ifindex)
      finding.where.device = hop->place.device;
  }
  finding.where.stage = model::Stage::Socket;
  finding.where.function = "tcp_conn_request";
  finding.evidence.push_back("tcp_conn_request() of " + netns_words(kase, refusal.event->place.netns) + " refused " +
                             count_words(refusal.times, "SYN") + " of this attempt; the last time it moved " + counted_words(decision));
  if (refusal.listener == nullptr && decision.inode != 0) {
    finding.evidence.push_back("whose the listener is (socket inode " + std::to_string(decision.inode) + ") was not read");
  }
  // A CPU counts one at a time. On a kernel that lets it be interrupted there (PREEMPT_RT), another's may be among them.
  if (decision.drops > 1) {
    finding.doubts.push_back(count_words(decision.drops, "refusal") + " were counted at once: not all of them are this SYN's");
  }
  return finding;
}

std::string earlier_refusals(const Case& kase) {
  const auto refusal = last_refusal(kase);
  if (!refusal) return "";
  std::string words = count_words(refusal->times, "earlier SYN") + (refusal->times == 1 ? " was" : " were") + " refused by ";
  switch (refusal->reason) {
    case RefusedFor::AcceptQueue: words += "the full accept queue of "; break;
    case RefusedFor::SynQueue:
    case RefusedFor::SynReserve: words += "the full SYN queue of "; break;
    default: break;
  }
  return words + refuser_words(*refusal) + " in " + netns_words(kase, refusal->event->place.netns);
}

}  // namespace synfate::judge
