// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "judge/judge.hpp"

#include <algorithm>
#include <set>

#include "judge/case.hpp"
#include "judge/cause_table.hpp"
#include "judge/listeners.hpp"
#include "judge/meaning.hpp"
#include "judge/nat.hpp"
#include "judge/scoped.hpp"
#include "judge/words.hpp"

namespace synfate::judge {
namespace {

using model::Event;
using model::Fate;
using model::Leg;
using model::Verdict;

Verdict to_verdict(const Case& kase, Finding finding, std::string_view table_name) {
  Verdict verdict;
  verdict.fate = finding.fate;
  verdict.cause = finding.cause.empty() ? table_name : finding.cause;
  verdict.summary = std::move(finding.summary);
  verdict.packet = finding.packet;
  verdict.where = std::move(finding.where);
  verdict.evidence = std::move(finding.evidence);
  verdict.notes = std::move(finding.notes);
  verdict.next = std::move(finding.next);
  settle_confidence(kase, finding, verdict);
  return verdict;
}

Verdict undecided(const Case& kase) {
  Verdict verdict;
  verdict.fate = Fate::Unfinished;
  verdict.confidence = model::Confidence::Partial;
  verdict.packet = kase.farthest_leg();
  verdict.summary = kase.journey().interrupted ? "tracing ended first" : "nothing decided yet";
  if (const Event* last = kase.last_hop(verdict.packet)) {
    verdict.where.netns = last->place.netns;
    verdict.where.device = last->place.device;
    verdict.evidence.push_back("the " + std::string(packet_word(verdict.packet)) + " was last seen at " + place_words(kase, last->place));
  }
  verdict.evidence.push_back(count_words(kase.journey().syns, "SYN") + " in " + duration_words(kase.observed_ns()) +
                             ", and nothing that decides the attempt was seen");
  return verdict;
}

/// Who ended the waiting, and what the socket itself was told about it.
void tell_of_waiting(const Case& kase, Verdict& verdict) {
  const model::Journey& journey = kase.journey();
  if (verdict.fate == Fate::Established || verdict.fate == Fate::ClosedEarly) return;
  if (journey.limits.user_timeout_ms != 0) {
    verdict.notes.push_back("the client's socket has TCP_USER_TIMEOUT " +
                            duration_words(std::uint64_t{journey.limits.user_timeout_ms} * kMillisecond));
  }
  if (journey.limits.syn_retries != 0) {
    verdict.notes.push_back("the client's socket has TCP_SYNCNT " + std::to_string(journey.limits.syn_retries));
  }
  if (!tells_of_giving_up(journey, verdict)) return;
  const auto limit = gives_up_after_s(journey, kase.inventory());
  verdict.evidence.push_back("the application closed its socket after " + duration_words(*gave_up_after(journey)) + " by itself" +
                             (limit ? ": connect() would have gone on until " + std::to_string(*limit) + " s" : ""));
}

/// A name that rests on less than two sources is used, and said to.
void doubt_names(const Case& kase, Verdict& verdict) {
  std::set<model::NetnsId> named{kase.journey().origin_netns, server_netns(kase.journey(), kase.inventory()), verdict.where.netns};
  for (const model::NetnsId id : named) {
    const model::Netns* netns = kase.netns(id);
    if (netns == nullptr || !netns->pod || netns->pod->doubt.empty()) continue;
    verdict.notes.push_back("pod " + netns->pod->full_name() + " in netns " + std::to_string(id) + ": " + netns->pod->doubt);
  }
}

/// Where nodes are containers the machine around them has a firewall of its own, and every node's looks innocent.
void tell_outside_node(const Case& kase, Finding& finding) {
  const model::Netns* where = kase.netns(finding.where.netns);
  if (!finding.where.rule || where == nullptr || where->pod || !where->node.empty()) return;
  std::set<std::string> nodes;
  for (const Event& event : kase.journey().events) {
    const model::Netns* netns = kase.netns(event.place.netns);
    if (netns != nullptr && !netns->node.empty()) nodes.insert(netns->node);
  }
  if (nodes.empty()) return;
  finding.evidence.push_back("the rule is none of node " + clean(*nodes.begin()) + ", which the " +
                             std::string(packet_word(finding.packet)) + " had left: it is " + netns_words(kase, finding.where.netns) +
                             "'s, the machine that carries what nodes send each other");
}

}  // namespace

Verdict judge(const model::Journey& journey, const model::Inventory& inventory, const JudgeOptions& options) {
  const Case kase(journey, inventory, options);
  std::optional<Verdict> verdict;
  if (concerns_this_node(journey)) {
    for (const Cause& cause : cause_table()) {
      auto finding = cause.match(kase);
      if (!finding) continue;
      tell_outside_node(kase, *finding);
      tell_nat(kase, finding->cause.empty() ? cause.name : finding->cause, *finding);
      if (!finding->elsewhere.empty()) finding->evidence.push_back(finding->elsewhere);
      verdict = to_verdict(kase, std::move(*finding), cause.name);
      break;
    }
  }
  if (!verdict) verdict = undecided(kase);
  if (const model::Netns* netns = inventory.find(verdict->where.netns)) {
    verdict->where.node = netns->node;
    if (netns->pod) verdict->where.pod = netns->pod->full_name();
  }
  tell_of_waiting(kase, *verdict);
  if (!options.tier.empty()) verdict->evidence.push_back("observed with tier " + options.tier);
  explain(journey, inventory, *verdict);
  doubt_names(kase, *verdict);
  if (auto note = syn_cookies_note(kase)) verdict->notes.push_back(std::move(*note));
  return *std::move(verdict);
}

bool wants_all_devices(const model::Journey& journey, const model::Inventory& inventory, const JudgeOptions& options) {
  if (!inventory.scoped || journey.client_established || journey.server_established) return false;
  const Case kase(journey, inventory, options);
  if (!kase.drops().unplaced.empty()) return true;
  if (kase.drop_event() != nullptr) return !unobserved_copy(kase).empty();
  if (!kase.silence_counts()) return false;
  for (const Leg answer : {Leg::Reset, Leg::IcmpError}) {
    if (kase.seen(answer)) return false;
  }
  if (!unobserved_way(kase).empty()) return true;
  const Event* last = kase.last_hop(kase.farthest_leg());
  return last != nullptr && last->get<model::Hop>()->queued && is_edge(last->place) && !asked_afterwards(kase, *last).empty();
}

bool concerns_this_node(const model::Journey& journey) {
  if (journey.local_client || !journey.sent_a_syn) return true;
  bool foreign = false;
  for (const Event& event : journey.events) {
    if (event.get<model::HookVerdict>() != nullptr || event.get<model::Receiver>() != nullptr) {
      continue;  // The drop speaks, and a rule on the way of a flooded copy says nothing.
    } else if (is_for_other_mac(event)) {
      foreign = true;
    } else if (const auto* hop = event.get<model::Hop>()) {
      // A bridge floods its ports with what is for another machine, so a veth proves nothing; an edge or an answer does.
      if (event.leg != Leg::Syn || (hop->kind == model::HopKind::Xmit && is_edge(event.place))) return true;
    } else if (!is_by_design(journey, event)) {
      const auto* socket = event.get<model::SocketEvent>();
      if (socket == nullptr || socket->kind != model::SocketEventKind::Stale) return true;
    }
  }
  return !foreign;
}

}  // namespace synfate::judge
