// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "judge/judge.hpp"

#include <algorithm>

#include "judge/case.hpp"
#include "judge/cause_table.hpp"
#include "judge/meaning.hpp"
#include "judge/words.hpp"

namespace synfate::judge {
namespace {

using model::Event;
using model::Fate;
using model::Leg;
using model::Verdict;

Verdict to_verdict(const Case& kase, Finding finding, std::string_view table_name, const JudgeOptions& options) {
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
  if (!options.tier.empty()) verdict.evidence.push_back("observed with tier " + options.tier);
  return verdict;
}

Verdict undecided(const Case& kase, const JudgeOptions& options) {
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
  if (!options.tier.empty()) verdict.evidence.push_back("observed with tier " + options.tier);
  return verdict;
}

}  // namespace

Verdict judge(const model::Journey& journey, const model::Inventory& inventory, const JudgeOptions& options) {
  const Case kase(journey, inventory, options);
  std::optional<Verdict> verdict;
  if (concerns_this_node(journey)) {
    for (const Cause& cause : cause_table()) {
      auto finding = cause.match(kase);
      if (!finding) continue;
      verdict = to_verdict(kase, std::move(*finding), cause.name, options);
      break;
    }
  }
  if (!verdict) verdict = undecided(kase, options);
  if (const model::Netns* netns = inventory.find(verdict->where.netns)) {
    verdict->where.node = netns->node;
    if (netns->pod) verdict->where.pod = netns->pod->full_name();
  }
  explain(journey, inventory, *verdict);
  return *std::move(verdict);
}

bool concerns_this_node(const model::Journey& journey) {
  if (journey.local_client || !journey.sent_a_syn) return true;
  bool foreign = false;
  for (const Event& event : journey.events) {
    if (event.get<model::HookVerdict>() != nullptr) {
      continue;  // Its drop speaks, and a rule on the way of a flooded copy says nothing.
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
