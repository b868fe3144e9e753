// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// What a named rule or policy makes of the cause.
#include "verdicts.hpp"

using namespace synfate::judge::test;
namespace model = synfate::model;

TEST_CASE("netfilter_policy by the record names the chain") {
  Story story = dropped("nft_do_chain");
  named(story, How::Stack, nft_policy(), "");
  with_text(story, text_for(nft_policy(), "iptables-nft", "-P FORWARD DROP"));
  story.icmp_sent(kNodeVeth, 3, 3);
  const Verdict verdict = story.judged();
  CHECK(verdict.cause == "netfilter_policy");
  CHECK(verdict.summary == "by the policy of FORWARD");
  CHECK(verdict.where.rule->policy == true);
  CHECK_FALSE(verdict.where.rule->number.has_value());
  CHECK_FALSE(verdict.where.rule->handle.has_value());
  CHECK(verdict.where.rule_gap.empty());
  CHECK(verdict.next == "iptables-nft -t filter -nvL FORWARD --line-numbers");
}

TEST_CASE("a policy of iptables-legacy is one by its text only") {
  Story story = dropped("nf_hook_slow");
  named(story, How::Counters, xt_rule(), "");
  story.verdict(How::Stack).entry = entry("ipt_do_table", "filter");
  CHECK(story.judged().cause == "netfilter_drop");
  CHECK_FALSE(story.judged().where.rule->policy.has_value());
  CHECK(story.judged().summary == "by a netfilter rule or policy");
  CHECK(story.judged().next == "iptables-legacy -t filter -nvL --line-numbers");
  auto text = text_for(xt_rule(), "iptables-legacy", "-P FORWARD DROP");
  text.policy = true;
  text.number.reset();
  with_text(story, text);
  CHECK(story.judged().cause == "netfilter_policy");
  CHECK(story.judged().summary == "by the policy of FORWARD");
  CHECK(story.judged().where.rule->policy == true);
}

TEST_CASE("netfilter_reject by what the rule is") {
  Story story = dropped("nft_do_chain");
  SUBCASE("with an answer") {
    named(story, How::Fentry, nft_rule(), "reject").icmp_sent(kNodeVeth, 3, 3);
    CHECK(story.judged().cause == "netfilter_reject");
    CHECK(story.judged().fate == Fate::Refused);
    CHECK(story.judged().summary == "by a rule, with an ICMP error");
  }
  SUBCASE("whose answer was not seen") {
    named(story, How::Fentry, nft_rule(), "reject");
    CHECK(story.judged().cause == "netfilter_reject");
    CHECK(story.judged().fate == Fate::Dropped);
    CHECK(story.judged().summary == "by a rule, whose answer was not seen");
    story.journey.events_lost = 2;
    CHECK(story.judged().confidence == Confidence::Partial);
  }
  SUBCASE("whose answer only the client saw") {
    named(story, How::Fentry, nft_rule(), "reject").socket(SocketEventKind::Error, kPod, false, 111);
    CHECK(story.judged().cause == "netfilter_reject");
    CHECK(story.judged().fate == Fate::Refused);
  }
  SUBCASE("a target of iptables-nft by its text") {
    named(story, How::Fentry, nft_rule(), "target");
    with_text(story, text_for(nft_rule(), "iptables-nft", "-A KUBE-POD-FW-X -j REJECT --reject-with tcp-reset"));
    CHECK(story.judged().cause == "netfilter_reject");
  }
  SUBCASE("a target without its text is not known to answer") {
    named(story, How::Fentry, nft_rule(), "target");
    CHECK(story.judged().cause == "netfilter_drop");
    story.icmp_sent(kNodeVeth, 3, 3);
    CHECK(story.judged().cause == "netfilter_reject");
  }
  SUBCASE("a rule that only drops cannot have answered") {
    named(story, How::Fentry, nft_rule(), "immediate").icmp_sent(kNodeVeth, 3, 3);
    CHECK(story.judged().cause == "netfilter_drop");
    CHECK(story.judged().fate == Fate::Dropped);
    CHECK(story.judged().confidence == Confidence::Partial);
  }
}

TEST_CASE("conntrack_invalid takes a rule that matches nothing else") {
  Story story = dropped("nft_do_chain");
  named(story, How::Stack, nft_rule());
  SUBCASE("proven") {
    with_text(story, text_for(nft_rule(), "nft", "ct state invalid counter packets 1 bytes 60 drop"));
    const Verdict verdict = story.judged();
    CHECK(verdict.cause == "conntrack_invalid");
    CHECK(verdict.fate == Fate::Dropped);
    CHECK(verdict.confidence == Confidence::Exact);
    CHECK(verdict.where.rule->handle == 41U);
    story.icmp_sent(kNodeVeth, 3, 3);
    CHECK(story.judged().cause == "conntrack_invalid");
  }
  SUBCASE("not proven") {
    with_text(story, text_for(nft_rule(), "nft", "ct state invalid,new drop"));
    CHECK(story.judged().cause == "netfilter_drop");
  }
  SUBCASE("a text that was not proven to be its own") {
    auto text = text_for(nft_rule(), "nft", "ct state invalid drop");
    text.gap = "the chain was rewritten meanwhile";
    with_text(story, text);
    CHECK(story.judged().cause == "netfilter_drop");
  }
}
