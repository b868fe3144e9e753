// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// established: TCP says so, whatever was lost before. Not when the server never accepted the final ACK and repeats its SYN-ACK.
#include <algorithm>

#include "judge/cause_table.hpp"
#include "judge/hooks.hpp"
#include "judge/refusals.hpp"
#include "judge/words.hpp"

namespace synfate::judge {
namespace {

using model::Event;
using model::Hop;
using model::HopKind;
using model::Leg;

/// The server still waited for the final ACK after the first that was dropped.
bool server_repeats_itself(const Case& kase) {
  MonotonicNs first_drop_ns = kase.drop_event()->time_ns;
  for (const Event& event : kase.journey().events) {
    if (event.leg == Leg::Ack && event.get<model::Drop>() != nullptr && !is_by_design(kase.journey(), event) && !is_for_other_mac(event)) {
      first_drop_ns = std::min(first_drop_ns, event.time_ns);
    }
  }
  for (const Event& event : kase.journey().events) {
    if (event.time_ns <= first_drop_ns) continue;
    const auto* socket = event.get<model::SocketEvent>();
    if (socket != nullptr && socket->kind == model::SocketEventKind::SynAckRetransmit) return true;
    if (event.leg == Leg::SynAck && event.get<Hop>() != nullptr && event.time_ns > first_drop_ns + kSameRound) return true;
  }
  return false;
}

/// A router's view: the final ACK left by the device by which the SYN had left.
bool passed_through(const Case& kase) {
  const Event* syn = kase.last_hop(Leg::Syn);
  const Event* synack = kase.first_hop(Leg::SynAck);
  const Event* ack = kase.last_hop(Leg::Ack);
  if (syn == nullptr || synack == nullptr || ack == nullptr || synack->get<Hop>()->kind == HopKind::Xmit) return false;
  return ack->get<Hop>()->kind == HopKind::Xmit && is_edge(ack->place) && ack->place.same_device(syn->place);
}

/// From the first SYN until one of them was answered; 0: not late by a lost SYN, or when that was is not known. Where the first was
/// answered and the answer lost, the connection is late by that and not by this.
DurationNs delay(const Case& kase) {
  const Event* answer = kase.first_hop(Leg::SynAck);
  if (answer == nullptr || answer->time_ns < kase.journey().first_ns) return 0;
  const DurationNs delay = answer->time_ns - kase.journey().first_ns;
  // The kernel's timers are a little early or late.
  return delay < kFirstTimeout / 10 * 9 ? 0 : delay;
}

bool died_at_confirm(const Case& kase, const Event& drop) {
  return drop.skb != 0 && std::any_of(kase.journey().events.begin(), kase.journey().events.end(), [&](const Event& event) {
           const auto* verdict = event.get<model::HookVerdict>();
           return verdict != nullptr && verdict->entry && kind_of(*verdict->entry) == EntryKind::ConntrackConfirm &&
                  event.skb == drop.skb && event.time_ns == drop.time_ns && event.place.netns == drop.place.netns;
         });
}

/// SYNs whose connection conntrack could not take in: what makes a connection exactly one or three seconds late.
void mention_clashes(const Case& kase, Finding& finding) {
  const Event* first = nullptr;
  unsigned count = 0;
  for (const Event* lost : kase.drops().passed) {
    if (lost->leg != Leg::Syn || !died_at_confirm(kase, *lost)) continue;
    if (first == nullptr) first = lost;
    ++count;
  }
  if (first == nullptr) return;
  const model::Netns* netns = kase.netns(first->place.netns);
  const bool counted = netns != nullptr && netns->conntrack && netns->conntrack->insert_failed != 0;
  finding.notes.push_back(count_words(count, "SYN") + " lost in " + netns_words(kase, first->place.netns) +
                          " at conntrack's confirm: its entry could not be inserted" +
                          (counted ? " (insert_failed is " + std::to_string(netns->conntrack->insert_failed) + " there)" : "") +
                          ", as a rule because another connection had the same addresses and ports after NAT");
  finding.next = in_netns(kase, first->place.netns, "conntrack -S");
}

void mention_lost_syns(const Case& kase, Finding& finding) {
  if (kase.journey().syns > 1) {
    const DurationNs late = delay(kase);
    finding.evidence.push_back(std::to_string(kase.journey().syns) + " SYNs were needed" +
                               (late == 0 ? "" : ", and " + duration_words(late) + " until one was answered"));
  }
  mention_clashes(kase, finding);
  if (std::string refused = earlier_refusals(kase); !refused.empty()) finding.evidence.push_back(std::move(refused));
  for (const Event* lost : kase.drops().passed) {
    const model::Drop& drop = *lost->get<model::Drop>();
    finding.evidence.push_back("an earlier " + std::string(packet_word(lost->leg)) + " was dropped at " + place_words(kase, lost->place) +
                               " by " + function_words(drop) + " (" + reason_words(drop) + ")");
    break;
  }
}

}  // namespace

std::optional<Finding> match_established(const Case& kase) {
  const model::Journey& journey = kase.journey();
  const bool ack_dropped = kase.drop_event() != nullptr && kase.drop_event()->leg == Leg::Ack;
  Finding finding;
  finding.fate = model::Fate::Established;
  finding.basis = Basis::Socket;
  finding.summary = journey.syns > 1 ? "after " + count_words(journey.syns, "SYN") : "";
  if (journey.syns > 1 && delay(kase) != 0) finding.summary += ", " + duration_words(delay(kase)) + " late";
  if (journey.server_established) {
    finding.evidence.push_back("the server's socket reached ESTABLISHED");
  } else if (journey.client_established) {
    if (ack_dropped && server_repeats_itself(kase)) return std::nullopt;
    finding.evidence.push_back("the client's socket reached ESTABLISHED");
    if (ack_dropped) {
      const model::Drop& drop = *kase.drop();
      finding.notes.push_back("an ACK was dropped at " + place_words(kase, kase.drop_event()->place) + " by " + function_words(drop) +
                              " (" + reason_words(drop) + "); the server has not repeated its SYN-ACK so far");
      finding.ceiling = model::Confidence::Strong;
    }
    for (const Event* freed : kase.drops().by_design) {
      if (freed->leg != Leg::Ack || !is_tcp_receive(freed->get<model::Drop>()->symbol.function)) continue;
      finding.notes.push_back(
          "the server's TCP freed an ACK and gave no reason: TCP_DEFER_ACCEPT does so by design, a full accept queue "
          "looks the same on this kernel");
      finding.ceiling = model::Confidence::Strong;
      break;
    }
  } else if (!journey.local_client && !ack_dropped && passed_through(kase)) {
    finding.basis = Basis::Record;
    finding.ceiling = model::Confidence::Strong;
    finding.evidence.push_back("neither end is on this node; the final ACK left by " + place_words(kase, kase.last_hop(Leg::Ack)->place) +
                               " as the SYN had");
  } else {
    return std::nullopt;
  }
  mention_lost_syns(kase, finding);
  return finding;
}

}  // namespace synfate::judge
