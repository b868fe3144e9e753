// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// left_node, peer_reset, icmp_from_peer: what this node's own kernel cannot be blamed for. Each needs the packet seen crossing the edge.
#include "judge/answers.hpp"
#include "judge/cause_table.hpp"
#include "judge/words.hpp"

namespace synfate::judge {
namespace {

using model::Event;
using model::Hop;
using model::HopKind;
using model::Leg;
using model::Stage;

std::string edge_word(const model::Place& place) {
  if (is_tunnel(place)) return std::string(to_string(place.kind)) + " device " + clean(place.device);
  return clean(place.device);
}

std::string capture(const Case& kase, const Event& hop) {
  const auto port = hop.leg == Leg::SynAck || hop.leg == Leg::Reset ? hop.flow.src.port : hop.flow.dst.port;
  return in_netns(kase, hop.place.netns, "tcpdump -nni " + shell_word(hop.place.device) + " tcp port " + std::to_string(port));
}

/// A drop after the answer is a later packet's own end, and goes first.
bool overtaken_by_drop(const Case& kase, const Event& answer) {
  return kase.drop_event() != nullptr && kase.drop_event()->time_ns > answer.time_ns;
}

Finding finding_from_beyond(const Case& kase, const Event& answer) {
  Finding finding;
  finding.fate = model::Fate::Refused;
  finding.packet = Leg::Syn;
  finding.where.netns = answer.place.netns;
  finding.where.device = answer.place.device;
  finding.where.stage = Stage::Beyond;
  // That nothing here made the answer is an absence, and a lost event could undo it.
  finding.basis = Basis::Absence;
  finding.evidence.push_back("it came in by " + place_words(kase, answer.place) + ", and nothing on this node was seen to send one");
  if (is_tunnel(answer.place))
    finding.evidence.push_back("what the tunnel's other end is, and whether it is on this node, is not followed");
  if (kase.drop_event() != nullptr) {
    finding.evidence.push_back("before that a SYN was dropped at " + place_words(kase, kase.drop_event()->place) + " by " +
                               function_words(*kase.drop()) + " (" + reason_words(*kase.drop()) + ")");
  }
  finding.next = capture(kase, answer);
  return finding;
}

/// Another copy of the last SYN, on a device that does not stack on the edge: a flooding bridge sent it both ways.
const Event* other_copy(const Case& kase, Leg leg, const Event& last) {
  MonotonicNs entered_ns = 0;
  for (const Event* hop : kase.hops(leg)) {
    if (hop->place.netns == last.place.netns && hop->get<Hop>()->kind != HopKind::Xmit) entered_ns = hop->time_ns;
  }
  for (const Event* hop : kase.hops(leg)) {
    if (hop == &last || hop->time_ns < entered_ns || hop->time_ns + kSameRound < last.time_ns) continue;
    const bool elsewhere = hop->place.netns != last.place.netns && entered_ns != 0;
    const bool to_a_veth =
        hop->place.netns == last.place.netns && hop->place.kind == model::DeviceKind::Veth && hop->get<Hop>()->kind == HopKind::Xmit;
    if (elsewhere || to_a_veth) return hop;
  }
  return nullptr;
}

}  // namespace

std::optional<Finding> match_peer_reset(const Case& kase) {
  const Event* reset = reset_from_beyond(kase);
  if (reset == nullptr || overtaken_by_drop(kase, *reset)) return std::nullopt;
  Finding finding = finding_from_beyond(kase, *reset);
  finding.summary = "a RST came from beyond " + edge_word(reset->place);
  if (auto note = answer_lost_note(kase, Leg::Reset)) finding.notes.push_back(std::move(*note));
  return finding;
}

std::optional<Finding> match_icmp_from_peer(const Case& kase) {
  const Event* icmp = icmp_from_beyond(kase);
  if (icmp == nullptr || overtaken_by_drop(kase, *icmp) || kase.seen(Leg::Reset)) return std::nullopt;
  const Hop& hop = *icmp->get<Hop>();
  Finding finding = finding_from_beyond(kase, *icmp);
  finding.summary = icmp_words(icmp->flow.family(), hop.icmp_type, hop.icmp_code) + " from beyond " + edge_word(icmp->place);
  finding.evidence.push_back("sent by " + to_string(icmp->flow.src.address));
  if (const Event* syn = kase.last_hop(Leg::Syn); syn != nullptr && syn->time_ns > icmp->time_ns + kSameRound) {
    finding.ceiling = model::Confidence::Strong;
    finding.evidence.push_back("the client went on sending SYNs after it");
  }
  if (auto note = answer_lost_note(kase, Leg::IcmpError)) finding.notes.push_back(std::move(*note));
  return finding;
}

std::optional<Finding> match_left_node(const Case& kase) {
  const Leg leg = kase.farthest_leg();
  if (kase.drop_event() != nullptr || !kase.silence_counts() || (leg != Leg::Syn && leg != Leg::SynAck)) return std::nullopt;
  // The RST is the client's answer to the SYN-ACK. Answers to the SYN have been tried before, as other causes.
  if (leg == Leg::SynAck && kase.seen(Leg::ClientReset)) return std::nullopt;
  const Event* last = kase.last_hop(leg);
  if (last->get<Hop>()->kind != HopKind::Xmit || !is_edge(last->place)) return std::nullopt;
  Finding finding;
  finding.fate = model::Fate::Unanswered;
  finding.packet = leg;
  finding.where.netns = last->place.netns;
  finding.where.device = last->place.device;
  finding.where.stage = Stage::Beyond;
  finding.basis = Basis::Absence;
  finding.ceiling = model::Confidence::Strong;
  finding.summary = "left by " + edge_word(last->place) + ", no answer";
  finding.evidence.push_back("the " + std::string(packet_word(leg)) + " was handed to the driver of " + place_words(kase, last->place) +
                             "; nothing came back in " + duration_words(kase.observed_ns()));
  if (kase.retransmitted(leg)) {
    finding.evidence.push_back(leg == Leg::Syn ? count_words(kase.journey().syns, "SYN") + " sent" : "the SYN-ACK was sent again");
  }
  if (is_tunnel(last->place)) {
    finding.evidence.push_back("the outer packet of the " + std::string(to_string(last->place.kind)) +
                               " device is not followed: it may have died on this node");
    finding.ceiling = model::Confidence::Partial;
  }
  if (kase.closed_early_by_client()) {
    finding.doubts.push_back("the client closed its socket after " + duration_words(kase.journey().last_ns - kase.journey().first_ns) +
                             ", before an answer was overdue");
  }
  if (const Event* copy = other_copy(kase, leg, *last)) {
    finding.doubts.push_back("a copy also went to " + place_words(kase, copy->place) + ": a bridge flooded it, or a rule duplicated it");
  }
  if (const Event* syn = leg == Leg::SynAck ? kase.last_hop(Leg::Syn) : nullptr;
      syn != nullptr && syn->time_ns > last->time_ns + kSameRound) {
    finding.doubts.push_back("SYNs went on arriving after the last SYN-ACK");
  }
  finding.next = capture(kase, *last);
  return finding;
}

}  // namespace synfate::judge
