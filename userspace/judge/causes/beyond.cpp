// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// left_node, peer_reset, icmp_from_peer: what this node's own kernel cannot be blamed for. Each needs the packet seen crossing the edge.
#include <algorithm>

#include "judge/answers.hpp"
#include "judge/cause_table.hpp"
#include "judge/programs.hpp"
#include "judge/scoped.hpp"
#include "judge/tunnels.hpp"
#include "judge/ways.hpp"
#include "judge/words.hpp"

namespace synfate::judge {
namespace {

using model::Event;
using model::Hop;
using model::HopKind;
using model::Leg;
using model::Stage;

std::string capture(const Case& kase, const Event& hop) {
  const std::string command = "tcpdump -nni " + shell_word(hop.place.device);
  const bool from_server = hop.leg == Leg::SynAck || hop.leg == Leg::Reset || hop.leg == Leg::IcmpError;
  const std::string port = "tcp port " + std::to_string(from_server ? hop.flow.src.port : hop.flow.dst.port);
  if (hop.leg != Leg::IcmpError) return in_netns(kase, hop.place.netns, command + " " + port);
  return in_netns(kase, hop.place.netns, command + (hop.flow.family() == 6 ? " 'icmp6 or " : " 'icmp or ") + port + "'");
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

constexpr std::uint16_t kIncomplete = 0x01;
constexpr std::uint16_t kFailed = 0x20;
constexpr std::uint16_t kNoArp = 0x40;

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

/// All of the attempt was seen, and no earlier SYN of it was dropped here.
bool nothing_lost(const Case& kase) {
  const model::Journey& journey = kase.journey();
  return journey.events_lost == 0 && journey.hops_lost == 0 && !journey.untracked && kase.drops().passed.empty();
}

/// Towards whom it was sent, as far as the route that was read afterwards fits what was seen.
void mention_way(const Case& kase, const Event& last, Finding& finding) {
  const auto question = question_of_departure(kase.journey(), kase.inventory(), last);
  const model::RouteAnswer* way = answer_to(kase, last.place.netns, question);
  if (way == nullptr) return;
  const std::string route = route_words(kase, last.place.netns, *way) + rules_caveat(kase, last.place.netns, last.flow.family());
  const bool fits = way->error.empty() && std::any_of(kase.hops(last.leg).begin(), kase.hops(last.leg).end(), [&](const Event* hop) {
                      return hop->place.netns == last.place.netns && hop->place.ifindex == way->out_ifindex &&
                             hop->get<Hop>()->kind == HopKind::Xmit && tunnel_before(kase.journey(), *hop) == nullptr;
                    });
  if (!fits) {
    finding.evidence.push_back("what sent it there was not read: the route now is " + route);
    return;
  }
  finding.evidence.push_back("by the route " + route);
  const std::string next_hop = to_string(way->gateway ? way->gateway : way->question.destination);
  // With several next hops the one that was asked for need not be this packet's.
  if (way->gateway && !way->several) finding.summary = "left by " + edge_word(last.place) + " towards " + next_hop + ", no answer";
  if (!way->neighbour || (way->neighbour->state & kNoArp) != 0) return;
  const std::string who = way->gateway ? "gateway " + next_hop : "destination " + next_hop + " itself, on link";
  if (way->neighbour->state != 0) finding.evidence.push_back("the next hop is the " + who + ": " + neighbour_words(*way));
  if ((way->neighbour->state & (kIncomplete | kFailed)) != 0) {
    finding.doubts.push_back(next_hop + " does not answer " + (last.flow.family() == 6 ? "ND" : "ARP") +
                             " now: the SYN may have gone to a MAC address that nobody has any more");
  }
}

/// What is not known of a packet that a tunnel was given, and of its answer.
void mention_tunnel(const Case& kase, const Event& given, const Event& last, Finding& finding) {
  const std::string device = std::string(to_string(given.place.kind)) + " device";
  if (&given == &last) {
    finding.evidence.push_back("the outer packet of the " + device + " is not followed: it may have died on this node");
  } else if (on_one_bridge(kase, given.place, last.place)) {
    finding.evidence.push_back("it left by " + place_words(kase, last.place) +
                               ", a port of the same bridge, as well: as a copy, or in the " + device + "'s outer packet");
  } else {
    finding.evidence.push_back("its outer packet left by " + edge_word(last.place) + " in " + netns_words(kase, last.place.netns) +
                               "; what became of that is not followed");
  }
  finding.evidence.emplace_back("an answer comes inside an outer packet too, which is not followed either: it may have died on this node");
  finding.ceiling = model::Confidence::Partial;
}

/// Seen in front of the queue, which it has left for the driver unless it was dropped, and that would have been seen, or still waits.
void mention_queue(const Case& kase, const Event& left, Finding& finding) {
  const std::string device = clean(left.place.device);
  if (std::string afterwards = asked_afterwards(kase, left); !afterwards.empty()) finding.doubts.push_back(std::move(afterwards));
  const model::Netns* netns = kase.netns(left.place.netns);
  if (netns == nullptr || !netns->queues || !netns->queues->qdiscs_read || netns->queues->time_ns <= left.time_ns) {
    finding.doubts.push_back("the queue of " + device + " was not read since: it may still wait there");
    return;
  }
  std::uint64_t waiting = 0;
  for (const model::Qdisc& qdisc : netns->queues->qdiscs) {
    if (qdisc.ifindex == left.place.ifindex) waiting = std::max<std::uint64_t>(waiting, qdisc.waiting);
  }
  if (waiting == 0) {
    finding.evidence.push_back("nothing waits in the queue of " + device + " any more");
  } else {
    finding.doubts.push_back(count_words(waiting, "packet") + (waiting == 1 ? " waits" : " wait") + " in the queue of " + device +
                             ": it may be among them");
  }
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
  // What a device below a tunnel was seen to send is the tunnel's outer packet: the way, and the next hop, are the tunnel's.
  const Event* tunnel = is_tunnel(last->place) ? last : nullptr;
  if (const Event* before = tunnel_before(kase.journey(), *last)) tunnel = before;
  const Event& given = tunnel != nullptr ? *tunnel : *last;
  Finding finding;
  finding.fate = model::Fate::Unanswered;
  finding.packet = leg;
  finding.where.netns = given.place.netns;
  finding.where.device = given.place.device;
  finding.where.stage = Stage::Beyond;
  finding.basis = Basis::Absence;
  finding.ceiling = model::Confidence::Strong;
  finding.summary = "left by " + edge_word(given.place) + ", no answer";
  finding.evidence.push_back("the " + std::string(packet_word(leg)) + " was handed to the " +
                             (given.get<Hop>()->queued ? "queue" : "driver") + " of " + place_words(kase, given.place) +
                             "; nothing came back in " + duration_words(kase.observed_ns()));
  for (const Event* each : {&given, last}) {
    if (each->get<Hop>()->queued) mention_queue(kase, *each, finding);
    if (last == &given) break;
  }
  if (kase.retransmitted(leg)) {
    finding.evidence.push_back(leg == Leg::Syn ? count_words(kase.journey().syns, "SYN") + " sent" : "the SYN-ACK was sent again");
  }
  mention_way(kase, given, finding);
  if (tunnel != nullptr) mention_tunnel(kase, *tunnel, *last, finding);
  for (const std::string& program : xdp_below_sight(kase, last->place)) {
    finding.doubts.push_back(program + " may have dropped the answer unseen; tcpdump would not see it either");
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
  if (finding.doubts.empty() && tunnel == nullptr && nothing_lost(kase) && may_blame_beyond(kase, *last)) {
    finding.elsewhere = "nothing on this node was seen to drop or refuse it: look beyond " + clean(last->place.device);
  }
  finding.next = capture(kase, given);
  return finding;
}

}  // namespace synfate::judge
