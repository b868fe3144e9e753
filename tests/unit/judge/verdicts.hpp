// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Netfilter drops with what was seen of their verdicts, and rules to be named. It holds no expectation but that of a rule that is not.
#pragma once

#include <algorithm>

#include "story.hpp"

namespace synfate::judge::test {

using How = model::HookVerdict::How;
using Kind = model::RuleKey::Kind;

inline constexpr unsigned kIp = 2;
inline constexpr unsigned kIp6 = 10;

inline Story dropped(const char* function, unsigned family = kIp, unsigned hook = 2) {
  Story story;
  story.syn_to_node().drop(Leg::Syn, kNodeVeth, function, "NETFILTER_DROP").hook(family, hook, "vethpod", "vethsrv");
  return story;
}

inline model::RuleKey nft_rule(std::uint64_t handle = 41, std::uint32_t number = 9, std::uint8_t family = kIp) {
  model::RuleKey key;
  key.kind = Kind::NftRule;
  key.family = family;
  key.table = "filter";
  key.table_handle = 3;
  key.chain = "KUBE-POD-FW-X";
  key.chain_handle = 12;
  key.handle = handle;
  key.number = number;
  return key;
}

inline model::RuleKey nft_policy() {
  model::RuleKey key = nft_rule(0, 0);
  key.kind = Kind::NftPolicy;
  key.chain = "FORWARD";
  return key;
}

inline model::RuleKey xt_rule(std::uint32_t offset = 304, std::uint64_t generation = 0xffff888012345000) {
  model::RuleKey key;
  key.kind = Kind::XtRule;
  key.family = kIp;
  key.table = "filter";
  key.generation = generation;
  key.offset = offset;
  return key;
}

inline model::RuleText text_for(const model::RuleKey& key, const char* backend, const char* text) {
  model::RuleText rule;
  rule.key = key;
  rule.backend = backend;
  rule.chain = key.chain.empty() ? "FORWARD" : key.chain;
  if (key.kind != Kind::NftPolicy) rule.number = key.number == 0 ? 3 : key.number;
  rule.policy = key.kind == Kind::NftPolicy;
  rule.text = text;
  return rule;
}

inline model::HookEntry entry(const char* function, const char* xt_table = "", int priority = 0) {
  return {1, 4, function, "", priority, xt_table};
}

/// One source that names that rule; its text is there.
inline Story& named(Story& story, How how, const model::RuleKey& key, const char* expression = "immediate") {
  model::HookVerdict& verdict = story.verdict(how);
  verdict.rule = key;
  verdict.expression = expression;
  return story;
}

inline Story& with_text(Story& story, model::RuleText text) {
  text.flow = story.journey.faces.front();
  story.inventory.namespaces[kHost].rules.push_back(std::move(text));
  return story;
}

inline bool says(const Verdict& verdict, const char* words) {
  return std::any_of(verdict.evidence.begin(), verdict.evidence.end(),
                     [&](const std::string& line) { return line.find(words) != std::string::npos; });
}

inline void check_not_determined(const Verdict& verdict) {
  REQUIRE(verdict.where.rule.has_value());
  CHECK_FALSE(verdict.where.rule->number.has_value());
  CHECK_FALSE(verdict.where.rule->handle.has_value());
  CHECK(verdict.where.rule->chain.empty());
  CHECK(verdict.where.rule->text.empty());
  CHECK_FALSE(verdict.where.rule_gap.empty());
}

}  // namespace synfate::judge::test
