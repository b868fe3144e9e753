// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "judge/rule_words.hpp"

#include <doctest/doctest.h>

using namespace synfate::judge;
namespace model = synfate::model;

namespace {

model::RuleText rule(const char* backend, const char* text, const char* element = "") {
  model::RuleText one;
  one.backend = backend;
  one.text = text;
  one.element = element;
  return one;
}

Answers answers(const char* backend, const char* text) {
  model::HookVerdict verdict;
  verdict.rule.kind = model::RuleKey::Kind::XtRule;
  const auto one = rule(backend, text);
  return answers_of(verdict, &one);
}

}  // namespace

TEST_CASE("invalid and nothing else") {
  for (const char* text : {"ct state invalid drop", "ct state invalid counter packets 3 bytes 180 log prefix \"x\" drop",
                           "tcp dport 80 ct state invalid", "meta l4proto tcp ct state invalid drop comment \"ct state new\""}) {
    CHECK_MESSAGE(matches_only_invalid(rule("nft", text)), text);
  }
  for (const char* text : {"-A FORWARD -m conntrack --ctstate INVALID -j DROP", "-A INPUT -m state --state INVALID -j DROP",
                           "-A X -m comment --comment \"rule to drop invalid state for pod\" -m conntrack --ctstate INVALID -j DROP",
                           "-A X -m conntrack --ctstate INVALID -m comment --comment \"a \\\" quote\" -j DROP"}) {
    CHECK_MESSAGE(matches_only_invalid(rule("iptables-nft", text)), text);
    CHECK_MESSAGE(matches_only_invalid(rule("iptables-legacy", text)), text);
  }
  CHECK(matches_only_invalid(rule("nft", "ct state vmap { established : accept, invalid : drop }", "invalid")));
  CHECK(matches_only_invalid(rule("nft", "ct state vmap @states", "invalid comment \"x\"")));
}

TEST_CASE("no proof of invalid") {
  for (const char* text :
       {"ct state established,related drop", "ct state invalid,new drop", "ct state new,invalid drop", "ct state != invalid drop",
        "ct state ! invalid drop", "ct state & (established | related) == 0 drop", "ct state invalid / new drop",
        "ct state { invalid, new } drop", "tcp dport 80 drop comment \"ct state invalid drop\"", "log prefix \"ct state invalid \" drop",
        "ct state", "ct state vmap { invalid : drop }", "ct direction original drop", "", "drop comment \"unended ct state invalid",
        "-A X -m conntrack --ctstate INVALID -j DROP"}) {
    CHECK_MESSAGE(!matches_only_invalid(rule("nft", text)), text);
  }
  CHECK_FALSE(matches_only_invalid(rule("nft", "ct state vmap @states", "new")));
  CHECK_FALSE(matches_only_invalid(rule("nft", "ct state vmap @states", "invalid_not")));
  for (const char* text :
       {"-A X -m conntrack --ctstate INVALID,NEW -j DROP", "-A X -m conntrack ! --ctstate INVALID -j DROP",
        "-A X -m conntrack ! --ctstate RELATED,ESTABLISHED,DNAT -j DROP", "-A X -m state --state NEW -j DROP",
        "-A X -m comment --comment \"-m conntrack --ctstate INVALID\" -j DROP", "-A X -m comment --comment --ctstate INVALID -j DROP",
        "-A X -j LOG --log-prefix \"--state INVALID \"", "-A X -m conntrack --ctstate", "ct state invalid drop"}) {
    CHECK_MESSAGE(!matches_only_invalid(rule("iptables-nft", text)), text);
  }
  CHECK_FALSE(matches_only_invalid(rule("", "ct state invalid drop")));
  auto doubtful = rule("nft", "ct state invalid drop");
  doubtful.gap = "rewritten meanwhile";
  CHECK_FALSE(matches_only_invalid(doubtful));
}

TEST_CASE("which rules answer") {
  CHECK(answers("iptables-legacy", "-A X -p tcp -j REJECT --reject-with tcp-reset") == Answers::Always);
  CHECK(answers("iptables-legacy", "-A X -p tcp -j DROP") == Answers::Never);
  CHECK(answers("iptables-legacy", "-A X -m comment --comment \"-j REJECT\" -j DROP") == Answers::Never);
  CHECK(answers("iptables-legacy", "-A X -p tcp -j SYNPROXY") == Answers::Unknown);
  CHECK(answers("nft", "tcp dport 80 reject with tcp reset") == Answers::Always);
  CHECK(answers("nft", "tcp dport 80 drop comment \"reject\"") == Answers::Never);
  CHECK(answers("nft", "tcp dport 80 goto reject") == Answers::Unknown);
  CHECK(answers("nft", "") == Answers::Unknown);
  model::HookVerdict verdict;
  CHECK(answers_of(verdict, nullptr) == Answers::Unknown);
  verdict.rule.kind = model::RuleKey::Kind::NftPolicy;
  CHECK(answers_of(verdict, nullptr) == Answers::Never);
  verdict.rule.kind = model::RuleKey::Kind::NftRule;
  verdict.expression = "reject";
  CHECK(answers_of(verdict, nullptr) == Answers::Always);
  verdict.expression = "lookup";
  CHECK(answers_of(verdict, nullptr) == Answers::Never);
}

TEST_CASE("rules of NAT") {
  CHECK(is_nat_rule(rule("iptables-legacy", "-A POSTROUTING -o eth0 -j MASQUERADE --random-fully")));
  CHECK(is_nat_rule(rule("iptables-nft", "-A POSTROUTING -j SNAT --to-source 10.0.0.1")));
  CHECK_FALSE(is_nat_rule(rule("iptables-nft", "-A X -m comment --comment \"-j SNAT\" -j DROP")));
  CHECK_FALSE(is_nat_rule(rule("nft", "masquerade -j SNAT")));
}
