// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "render/rule_path.hpp"

#include <algorithm>
#include <set>

#include "render/labels.hpp"
#include "render/words.hpp"

namespace synfate::render {
namespace {

using model::Event;
using model::HookVerdict;
using model::RuleKey;

/// No retransmit comes sooner, and no SYN takes longer through the tables of one namespace.
constexpr DurationNs kPause = 100 * kMillisecond;
/// A service of a large cluster is some ten rules away; a path that is longer keeps its end, where the verdict is.
constexpr std::size_t kShownFirst = 4;
constexpr std::size_t kShownLast = 20;

const HookVerdict* traced(const Event& event) {
  const auto* verdict = event.get<HookVerdict>();
  return verdict != nullptr && verdict->how == HookVerdict::How::NfTrace && event.leg == model::Leg::Syn ? verdict : nullptr;
}

std::string_view family_name(std::uint8_t family) {
  switch (family) {
    case 1: return "inet";
    case 2: return "ip";
    case 5: return "netdev";
    case 7: return "bridge";
    case 10: return "ip6";
    default: return "";
  }
}

bool is_policy(const HookVerdict& verdict) {
  return verdict.rule.kind == RuleKey::Kind::NftPolicy ||
         (verdict.rule.kind == RuleKey::Kind::XtRule && verdict.expression.starts_with("policy"));
}

/// 0: none, or a policy's.
std::uint32_t shown_number(const HookVerdict& verdict) { return is_policy(verdict) ? 0 : verdict.rule.number; }

/// "" for a rule of xtables, whose trace comes before its target is asked.
std::string_view outcome_word(const HookVerdict& verdict) {
  switch (verdict.outcome) {
    case HookVerdict::Outcome::Drop: return "drop";
    case HookVerdict::Outcome::Accept: return "accept";
    case HookVerdict::Outcome::Jump: return "jump";
    case HookVerdict::Outcome::Goto: return "goto";
    case HookVerdict::Outcome::Return: return "return";
    case HookVerdict::Outcome::Continue: return "continue";
    case HookVerdict::Outcome::Other: return verdict.rule.kind == RuleKey::Kind::XtRule ? "" : "other";
  }
  return "";
}

std::string step_text(const model::Attempt& attempt, const Event& event) {
  const HookVerdict& verdict = *traced(event);
  const RuleKey& rule = verdict.rule;
  std::string text = netns_label(attempt, event.place.netns) + ":";
  if (rule.kind == RuleKey::Kind::XtRule) append_joined(text, "iptables-legacy", " ");
  append_joined(text, std::string(family_name(rule.family)), " ");
  append_joined(text, clean(rule.table, 256), " ");
  append_joined(text, clean(rule.chain, 256), " ");
  if (is_policy(verdict)) append_joined(text, "policy", " ");
  if (shown_number(verdict) != 0) append_joined(text, "rule " + std::to_string(rule.number), " ");
  if (rule.handle != 0) append_joined(text, "(handle " + std::to_string(rule.handle) + ")", " ");
  append_joined(text, std::string(outcome_word(verdict)), " ");
  append_joined(text, clean(verdict.target, 256), " ");
  return text;
}

}  // namespace

std::vector<const Event*> rule_path(const model::Journey& journey) {
  std::vector<const Event*> path;
  std::set<model::NetnsId> visited;
  for (const Event& event : journey.events) {
    if (traced(event) == nullptr) continue;
    // A pause alone may be a SYN that waited for its neighbour; it goes on elsewhere then. The next SYN begins again where the last did.
    if (!path.empty() && event.time_ns - path.back()->time_ns > kPause && visited.contains(event.place.netns)) {
      path.clear();
      visited.clear();
    }
    path.push_back(&event);
    visited.insert(event.place.netns);
  }
  return path;
}

Json rule_path_json(const model::Journey& journey) {
  Json list = Json::array();
  for (const Event* event : rule_path(journey)) {
    const HookVerdict& verdict = *traced(*event);
    const RuleKey& rule = verdict.rule;
    const bool legacy = rule.kind == RuleKey::Kind::XtRule;
    list.push_back({{"netns", number_or_null(event->place.netns)},
                    {"backend", legacy ? Json("iptables-legacy") : Json(nullptr)},
                    {"family", text_or_null(family_name(rule.family))},
                    {"table", text_or_null(rule.table)},
                    {"chain", text_or_null(rule.chain)},
                    {"handle", number_or_null(rule.handle)},
                    {"number", number_or_null(shown_number(verdict))},
                    {"policy", is_policy(verdict)},
                    {"verdict", text_or_null(outcome_word(verdict))},
                    {"target", text_or_null(verdict.target)}});
  }
  return list;
}

std::string rule_path_text(const model::Attempt& attempt, const TextStyle& style) {
  const auto path = rule_path(attempt.journey);
  const std::size_t hidden = style.verbose || path.size() <= kShownFirst + kShownLast ? 0 : path.size() - kShownFirst - kShownLast;
  std::string lines;
  for (std::size_t i = 0; i < path.size(); ++i) {
    if (hidden != 0 && i == kShownFirst) {
      lines += labelled("", phrase_of("(" + std::to_string(hidden) + " more rules; -v shows them)"), style);
      i += hidden;
    }
    lines += labelled(lines.empty() ? "rules" : "", phrase_of(step_text(attempt, *path[i])), style);
  }
  return lines;
}

}  // namespace synfate::render
