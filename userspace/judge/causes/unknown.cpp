// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// unknown: last seen at a place, neither freed as a drop nor seen again. It says what this version does not observe there, and guesses
// nothing.
#include "judge/cause_table.hpp"
#include "judge/listeners.hpp"
#include "judge/tc_filters.hpp"
#include "judge/words.hpp"

namespace synfate::judge {
namespace {

using model::DeviceKind;
using model::Event;
using model::Hop;
using model::HopKind;
using model::Leg;
using model::Stage;

/// What was read of the listener, where that does not show that it refused the SYN.
void say_what_listens(const Case& kase, Finding& finding) {
  const auto queues = queues_of(kase, Leg::Syn);
  if (!queues) {
    finding.doubts.push_back("the listener's queues could not be read");
    return;
  }
  if (queues->listener == nullptr) {
    if (queues->last->complete)
      finding.evidence.push_back("no listener on " + to_string(queues->arrived->flow.dst) + " was found there afterwards");
    return;
  }
  const model::ListenSocket& socket = *queues->listener;
  std::string words =
      "listener " + listener_words(socket) + ": " + count_words(socket.queue_length, "connection") + " waiting for accept()";
  if (socket.queue_limit) words += ", limit " + std::to_string(*socket.queue_limit);
  if (socket.half_open) words += "; " + std::to_string(*socket.half_open) + " half-open";
  finding.evidence.push_back(words);
  if (!queues->moved) {
    finding.doubts.push_back("its queues were read only once: whether it refused this attempt's SYNs is not known yet");
    return;
  }
  const Movement& moved = *queues->moved;
  const std::uint64_t refused = moved.own_drops.value_or(moved.drops);
  const std::string counted = (moved.own_drops ? "it refused " : "the listeners of the namespace refused ") +
                              count_words(refused, "packet") + " in " + duration_words(moved.span_ns) +
                              ", while this attempt's SYNs that arrived were " + std::to_string(moved.arrivals);
  if (refused < moved.arrivals) {
    finding.evidence.push_back(counted + ": its queues are not to blame");
  } else if (moved.named() == 0) {
    finding.evidence.push_back(counted + ", and not for a full queue: a security module, memory or the route back");
  } else {
    finding.doubts.push_back(counted + ", for full queues in part: ListenOverflows moved by " + std::to_string(moved.overflows) +
                             ", TCPReqQFullDrop by " + std::to_string(moved.syn_queue_full) + ", ListenDrops by " +
                             std::to_string(moved.drops));
  }
}

void reached_its_host(const Case& kase, const Event& last, Finding& finding) {
  const std::string netns = netns_words(kase, last.place.netns);
  finding.where.stage = Stage::Socket;
  if (last.leg != Leg::Syn) {
    finding.summary = "the " + std::string(packet_word(last.leg)) + " was last seen arriving in " + netns;
    finding.evidence.push_back(netns + " received the " + std::string(packet_word(last.leg)) +
                               " for its own address; what TCP did with it was not seen");
    return;
  }
  finding.summary = "received by " + netns + ", which sent no answer";
  const std::string takers = tc_takers_words(kase, last.place);
  if (takers.empty()) {
    finding.evidence.push_back(netns +
                               " received the SYN for its own address and TCP consumed it without an answer: a listener's full accept or "
                               "SYN queue looks like this, and so does a security module, a lack of memory or of a route back");
  } else {
    finding.evidence.push_back(netns + " received the SYN for its own address, and nothing answered it");
    finding.doubts.push_back("it may not have come as far as TCP: " + takers);
  }
  say_what_listens(kase, finding);
  finding.next = in_netns(kase, last.place.netns, "ss -Hltn 'sport = :" + std::to_string(last.flow.dst.port) + "'");
}

void sent_to_a_device(const Case& kase, const Event& last, Finding& finding) {
  finding.where.stage = Stage::Device;
  finding.summary = "last seen leaving by " + place_words(kase, last.place);
  if (last.place.kind == DeviceKind::Veth) {
    finding.evidence.push_back(
        "the other end of the veth was not seen to receive it: a BPF redirect there, or a receiver that is busy, is not observed "
        "by this version");
  } else if (last.place.kind == DeviceKind::Dummy) {
    finding.evidence.push_back("a dummy device discards all that it is given, without a drop");
  } else {
    finding.evidence.push_back("what a " + std::string(to_string(last.place.kind)) +
                               " device does with a packet is not observed by this version");
  }
}

void got_lost_inside(const Case& kase, const Event& last, Finding& finding) {
  finding.summary = "last seen arriving at " + place_words(kase, last.place);
  finding.evidence.push_back(
      "after that it was neither freed as a drop nor seen to leave " + netns_words(kase, last.place.netns) +
      ": a neighbour's queue, a queueing discipline, NFQUEUE, a BPF redirect and a consuming program or socket are not "
      "observed by this version");
  if (std::string takers = tc_takers_words(kase, last.place); !takers.empty()) {
    finding.evidence.push_back(std::move(takers));
    finding.next = in_netns(kase, last.place.netns, "tc -s filter show dev " + shell_word(last.place.device) + " ingress");
  }
}

/// A client of this machine acknowledges what was brought to it, by a device that is observed.
bool acknowledges_the_unseen(const Case& kase, Leg leg) {
  return leg == Leg::Ack && kase.journey().local_client && kase.last_hop(Leg::SynAck) == nullptr;
}

}  // namespace

std::optional<Finding> match_unknown(const Case& kase) {
  if (!kase.silence_counts()) return std::nullopt;
  // Answers that a later SYN has outlived are no end of the attempt either.
  const Leg leg = kase.farthest_leg();
  Finding finding;
  finding.fate = model::Fate::Vanished;
  finding.basis = Basis::Absence;
  finding.ceiling = model::Confidence::Strong;
  finding.packet = leg == Leg::None ? Leg::Syn : leg;
  const Event* last = kase.last_hop(leg);
  if (last == nullptr) {
    if (kase.journey().syns == 0 && kase.journey().events.empty()) return std::nullopt;
    finding.where.netns = kase.journey().origin_netns;
    finding.summary = "never seen at a device";
    finding.evidence.push_back("no SYN of this attempt was seen at a device, and none was freed as a drop");
    return finding;
  }
  finding.where.netns = last->place.netns;
  finding.where.device = last->place.device;
  finding.next = in_netns(kase, last->place.netns,
                          "tcpdump -nni " + shell_word(last->place.device) + " tcp port " +
                              std::to_string(leg == Leg::SynAck ? last->flow.src.port : last->flow.dst.port));
  if (last->get<Hop>()->kind == HopKind::Xmit) {
    sent_to_a_device(kase, *last, finding);
  } else if (kase.is_local_address(last->place.netns, last->flow.dst.address) == true) {
    reached_its_host(kase, *last, finding);
  } else {
    got_lost_inside(kase, *last, finding);
  }
  finding.evidence.push_back(count_words(kase.journey().syns, "SYN") + " in " + duration_words(kase.observed_ns()));
  if (acknowledges_the_unseen(kase, leg))
    finding.doubts.push_back("the SYN-ACK that it acknowledges was seen nowhere: not all of this attempt was observed");
  if (kase.closed_early_by_client()) {
    finding.doubts.push_back("the client closed its socket after " + duration_words(kase.journey().last_ns - kase.journey().first_ns) +
                             ", before an answer was overdue");
  }
  for (const Event* freed : kase.drops().by_design) {
    const model::Drop& drop = *freed->get<model::Drop>();
    finding.notes.push_back("a copy of the " + std::string(packet_word(freed->leg)) + " was freed at " + place_words(kase, freed->place) +
                            " by " + function_words(drop) + " (" + reason_words(drop) + "), which by itself is no failure");
    break;
  }
  return finding;
}

}  // namespace synfate::judge
