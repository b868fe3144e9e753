// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Sources that contradict each other, the drop, or nothing at all.
#include "verdicts.hpp"

using namespace synfate::judge::test;
using synfate::kMillisecond;
using synfate::MonotonicNs;
namespace model = synfate::model;

TEST_CASE("two sources that name one rule, and two that do not") {
  Story story = dropped("nft_do_chain");
  named(story, How::Stack, nft_rule());
  model::RuleKey other = nft_rule();
  bool agree = false;
  SUBCASE("the same") { agree = true; }
  SUBCASE("another handle") { other.handle = 42; }
  SUBCASE("another chain") { other.chain = "OTHER"; }
  SUBCASE("another table with the same name") { other.table_handle = 5; }
  SUBCASE("another family") { other.family = 1; }
  SUBCASE("a policy") { other.kind = Kind::NftPolicy; }
  named(story, How::Fentry, other);
  const Verdict verdict = story.judged();
  if (agree) {
    CHECK(verdict.where.rule->handle == 41U);
    CHECK(verdict.where.rule->how == "fentry");
    return;
  }
  check_not_determined(verdict);
  CHECK(verdict.cause == "netfilter_drop");
  CHECK(verdict.where.rule_gap.find("do not agree") != std::string::npos);
  CHECK(verdict.summary == "by a netfilter rule or policy");
}

TEST_CASE("a rule that cannot have done it is not named") {
  Story story = dropped("nft_do_chain");
  SUBCASE("freed where policies are applied") {
    story.last_drop().nft_site = Drop::Site::Policy;
    named(story, How::Stack, nft_rule());
  }
  SUBCASE("freed where rules are applied") {
    story.last_drop().nft_site = Drop::Site::Rule;
    named(story, How::Stack, nft_policy(), "");
  }
  SUBCASE("xtables in nft_do_chain") { named(story, How::Counters, xt_rule(), ""); }
  SUBCASE("a table of another family") { named(story, How::Stack, nft_rule(41, 9, kIp6)); }
  SUBCASE("a policy that accepts") {
    named(story, How::Fentry, nft_policy(), "");
    with_text(story, text_for(nft_policy(), "nft", "type filter hook forward priority filter; policy accept;"));
  }
  SUBCASE("a policy that accepts, of iptables") {
    named(story, How::Fentry, nft_policy(), "");
    with_text(story, text_for(nft_policy(), "iptables-nft", "-P FORWARD ACCEPT"));
  }
  SUBCASE("the entry is one of xtables") {
    story = dropped("nf_hook_slow");
    named(story, How::Stack, nft_rule());
    story.verdict(How::Stack).entry = entry("ipt_do_table", "filter");
    CHECK(story.judged().where.rule->backend == "iptables-legacy");
    CHECK(story.judged().where.rule->table == "filter");
  }
  SUBCASE("the entry is another table's") {
    story = dropped("nf_hook_slow");
    named(story, How::Counters, xt_rule(), "");
    story.verdict(How::Stack).entry = entry("ipt_do_table", "mangle");
  }
  SUBCASE("the entry has no rules") {
    story = dropped("nf_hook_slow");
    named(story, How::Stack, nft_rule());
    story.verdict(How::Stack).entry = entry("ipv4_conntrack_in");
  }
  const Verdict verdict = story.judged();
  CHECK(verdict.cause == "netfilter_drop");
  check_not_determined(verdict);
}

TEST_CASE("two sources that name different entries name none") {
  Story story = dropped("nf_hook_slow");
  story.verdict(How::Stack).entry = entry("ipt_do_table", "filter");
  story.verdict(How::Fentry).entry = entry("ipv4_conntrack_in");
  const Verdict verdict = story.judged();
  CHECK(verdict.cause == "netfilter_drop");
  CHECK(verdict.summary == "by a netfilter hook");
  CHECK(says(verdict, "different entries"));
}

TEST_CASE("tracing names a rule where nothing else does, confirms, or contradicts") {
  // Tracing tells names and the rule's handle, and neither the number nor the other handles.
  model::RuleKey traced = nft_rule(41, 0);
  traced.table_handle = 0;
  traced.chain_handle = 0;
  Story story = dropped("nft_do_chain");
  const auto trace = [&](const model::RuleKey& key, MonotonicNs before_ns) {
    story.verdict(How::NfTrace).rule = key;
    Event& event = story.journey.events.back();
    event.skb = 0;
    event.time_ns -= before_ns;
  };
  SUBCASE("alone") {
    trace(traced, kMillisecond);
    CHECK(story.judged().where.rule->handle == 41U);
    CHECK(story.judged().where.rule->how == "nftrace");
  }
  SUBCASE("confirms") {
    named(story, How::Stack, nft_rule());
    trace(traced, kMillisecond);
    CHECK(story.judged().where.rule->handle == 41U);
    CHECK(story.judged().where.rule->how == "stack");
    CHECK(says(story.judged(), "tracing names the same"));
  }
  SUBCASE("confirms, beside the trace of a copy that died elsewhere") {
    named(story, How::Stack, nft_rule());
    trace(traced, kMillisecond);
    traced.handle = 77;
    trace(traced, 0);
    CHECK(story.judged().where.rule->handle == 41U);
  }
  SUBCASE("contradicts") {
    named(story, How::Stack, nft_rule());
    traced.handle = 42;
    trace(traced, kMillisecond);
    check_not_determined(story.judged());
  }
  SUBCASE("two traces that differ") {
    trace(traced, kMillisecond);
    traced.handle = 42;
    trace(traced, 0);
    check_not_determined(story.judged());
  }
  SUBCASE("too long before") {
    trace(traced, 51 * kMillisecond);
    check_not_determined(story.judged());
  }
  SUBCASE("a rule on the way") {
    trace(traced, kMillisecond);
    std::get<model::HookVerdict>(story.journey.events.back().what).outcome = model::HookVerdict::Outcome::Jump;
    check_not_determined(story.judged());
  }
  SUBCASE("in another namespace") {
    trace(traced, kMillisecond);
    story.journey.events.back().place.netns = kServer;
    check_not_determined(story.judged());
  }
  SUBCASE("of another packet of the handshake") {
    trace(traced, kMillisecond);
    story.journey.events.back().leg = Leg::SynAck;
    check_not_determined(story.judged());
  }
}

TEST_CASE("a trace of xtables is joined to an offset by its text") {
  Story story = dropped("nf_hook_slow");
  named(story, How::Counters, xt_rule(), "");
  with_text(story, text_for(xt_rule(), "iptables-legacy", "-A FORWARD -p tcp -j DROP"));
  model::RuleKey traced = xt_rule(0, 0);
  traced.chain = "FORWARD";
  SUBCASE("the same") {
    traced.number = 3;
    named(story, How::NfTrace, traced, "");
    CHECK(story.judged().where.rule->number == 3U);
    CHECK(story.judged().where.rule->how == "counters");
  }
  SUBCASE("another number") {
    traced.number = 4;
    named(story, How::NfTrace, traced, "");
    check_not_determined(story.judged());
  }
  SUBCASE("another chain") {
    traced.number = 3;
    traced.chain = "INPUT";
    named(story, How::NfTrace, traced, "");
    check_not_determined(story.judged());
  }
}

TEST_CASE("counters that told of one SYN speak for a later one that died in the same table") {
  Story story = dropped("nf_hook_slow");
  named(story, How::Counters, xt_rule(), "");
  story.verdict(How::Stack).entry = entry("ipt_do_table", "filter");
  with_text(story, text_for(xt_rule(), "iptables-legacy", "-A FORWARD -p tcp -j DROP"));
  story.at(1000).retransmit().syn_to_node().drop(Leg::Syn, kNodeVeth, "nf_hook_slow", "NETFILTER_DROP").hook(2, 2, "vethpod", "vethsrv");
  const char* table = "filter";
  bool same = false;
  SUBCASE("the same table") { same = true; }
  SUBCASE("another table") { table = "mangle"; }
  SUBCASE("another hook") { story.last_drop().hook.hook = 1; }
  SUBCASE("its own counters were read, and told nothing") { story.verdict(How::Counters).doubt = "the table was replaced meanwhile"; }
  story.verdict(How::Stack).entry = entry("ipt_do_table", table);
  const Verdict verdict = story.judged();
  if (!same) {
    check_not_determined(verdict);
    return;
  }
  CHECK(verdict.where.rule->number == 3U);
  CHECK(verdict.confidence == Confidence::Strong);
  CHECK(says(verdict, "an earlier SYN of this attempt"));
}
