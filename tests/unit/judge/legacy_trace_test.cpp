// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// A rule of iptables-legacy by tracing alone: the last line of the walk that the SYN died in, and all that must not be taken for it.
#include "judge/legacy_trace.hpp"

#include "verdicts.hpp"

using namespace synfate::judge::test;
using synfate::kMillisecond;
using synfate::MonotonicNs;
namespace model = synfate::model;

namespace {

model::RuleKey line_key(const char* chain, std::uint32_t number, const char* table = "filter") {
  model::RuleKey key = xt_rule(0, 0);
  key.table = table;
  key.chain = chain;
  key.number = number;
  return key;
}

/// A line about the packet that was dropped last, read so long after it.
Event& line(Story& story, const model::RuleKey& key, MonotonicNs after_ns = kMillisecond, const char* kind = "rule") {
  model::HookVerdict& verdict = story.verdict(How::NfTrace);
  verdict.outcome = model::HookVerdict::Outcome::Other;
  verdict.rule = key;
  verdict.expression = kind;
  Event& event = story.journey.events.back();
  event.skb = 0;
  event.time_ns += after_ns;
  return event;
}

/// Its table was read half a second before the drop and after it.
model::RuleText drops(Story& story, const model::RuleKey& key, const char* text) {
  model::RuleText rule = text_for(key, "iptables-legacy", text);
  const MonotonicNs at = story.journey.events.back().time_ns;
  rule.drops = {{at - 500 * kMillisecond, at + 100 * kMillisecond}};
  return rule;
}

/// FORWARD's rule 2 leads to MINE, whose rule 3 drops.
Story through_a_user_chain() {
  Story story = dropped("nf_hook_slow");
  line(story, line_key("PREROUTING", 1, "mangle"), kMillisecond, "policy");
  line(story, line_key("FORWARD", 2));
  line(story, line_key("MINE", 3));
  with_text(story, drops(story, line_key("MINE", 3), "-A MINE -p tcp -j DROP"));
  return story;
}

model::HookVerdict& verdict_of(Event& event) { return std::get<model::HookVerdict>(event.what); }

}  // namespace

TEST_CASE("the last line of the walk names the rule") {
  Story story = through_a_user_chain();
  SUBCASE("where the entry is not known") {}
  SUBCASE("where it is that table's") { story.verdict(How::Stack).entry = entry("ipt_do_table", "filter"); }
  SUBCASE("where the text could not be read, but the kernel's table was") {
    auto& text = story.inventory.namespaces[kHost].rules.back();
    text.text.clear();
    text.gap = "iptables-legacy-save: not found";
  }
  SUBCASE("behind a rule that only logged") {
    story.inventory.namespaces[kHost].rules.push_back(text_for(line_key("FORWARD", 2), "iptables-legacy", "-A FORWARD -j LOG"));
  }
  const Verdict verdict = story.judged();
  CHECK(verdict.cause == "netfilter_drop");
  REQUIRE(verdict.where.rule);
  CHECK(verdict.where.rule->how == "nftrace");
  CHECK(verdict.where.rule->backend == "iptables-legacy");
  CHECK(verdict.where.rule->table == "filter");
  CHECK(verdict.where.rule->chain == "MINE");
  CHECK(verdict.where.rule->number == 3U);
  CHECK(verdict.where.rule->policy == false);
  CHECK(verdict.confidence == Confidence::Exact);
  CHECK(says(verdict, "the kernel's rule trace (tier 4)"));
}

TEST_CASE("a REJECT that tracing names is a reject") {
  Story story = dropped("nf_hook_slow");
  line(story, line_key("FORWARD", 2));
  with_text(story, drops(story, line_key("FORWARD", 2), "-A FORWARD -p tcp -j REJECT --reject-with tcp-reset"));
  CHECK(story.judged().cause == "netfilter_reject");
  CHECK(story.judged().where.rule->number == 2U);
}

TEST_CASE("what the kernel calls a policy is one, or a rule without a condition") {
  Story story = dropped("nf_hook_slow");
  line(story, line_key("FORWARD", 4), kMillisecond, "policy");
  auto text = drops(story, line_key("FORWARD", 4), "-P FORWARD DROP");
  SUBCASE("a policy") {
    text.policy = true;
    text.number.reset();
    SUBCASE("with its text") {}
    SUBCASE("without") {
      text.text.clear();
      text.gap = "iptables-legacy-save: not found";
    }
    with_text(story, text);
    CHECK(story.judged().cause == "netfilter_policy");
    CHECK(story.judged().where.rule->policy == true);
    CHECK_FALSE(story.judged().where.rule->number.has_value());
    return;
  }
  SUBCASE("a rule") {
    text.text = "-A FORWARD -j DROP";
    with_text(story, text);
    CHECK(story.judged().where.rule->policy == false);
    CHECK(story.judged().where.rule->number == 4U);
    return;
  }
  SUBCASE("a policy that accepts") {
    text.policy = true;
    text.text = "-P FORWARD ACCEPT";
    with_text(story, text);
    check_not_determined(story.judged());
    return;
  }
}

TEST_CASE("a line that need not be the last, or not of this packet, names nothing") {
  Story story = through_a_user_chain();
  const auto last = [&]() -> Event& { return story.journey.events.back(); };
  auto& text = story.inventory.namespaces[kHost].rules.back();
  const char* why = "tracing told of entry 3 of chain MINE in table filter last";
  SUBCASE("its target goes on") {
    text.drops.clear();
    why = "not known to drop";
  }
  SUBCASE("the table was read before that drop only") {
    text.drops[0].until_ns = last().time_ns - 10 * kMillisecond;
    why = "not known to drop";
  }
  SUBCASE("the table was read after that drop only") { text.drops[0].from_ns = last().time_ns; }
  SUBCASE("the text was not read") { story.inventory.namespaces[kHost].rules.clear(); }
  SUBCASE("LOG as the last line") {
    line(story, line_key("MINE", 4));
    why = "tracing told of entry 4 of chain MINE in table filter last, which is not known to drop";
  }
  SUBCASE("lines may be lost") {
    verdict_of(*(story.journey.events.end() - 2)).expression = "rule?";
    why = "may be lost";
  }
  SUBCASE("events were lost") {
    story.journey.events_lost = 1;
    why = "events were lost";
  }
  SUBCASE("another flow") {
    last().flow.dst.port = 81;
    why = "other addresses or ports";
  }
  SUBCASE("another family") {
    verdict_of(last()).rule.family = kIp6;
    why = "another family";
  }
  SUBCASE("the walk of another hook") {
    verdict_of(*(story.journey.events.end() - 2)).rule.chain = "INPUT";
    why = "not of the hook";
  }
  SUBCASE("a user's chain with the name of a hook that the table does not have") {
    verdict_of(*(story.journey.events.end() - 2)).rule.chain = "PREROUTING";
    story.last_drop().hook.hook = 0;
    why = "not of how it got there";
  }
  SUBCASE("the walk begins in the middle") {
    story.journey.events.erase(story.journey.events.end() - 2);
    why = "not of how it got there";
  }
  SUBCASE("another table's line within") {
    verdict_of(*(story.journey.events.end() - 2)).rule.table = "mangle";
    why = "not of how it got there";
  }
  SUBCASE("two of its packets died there at once") {
    Event other = *std::find_if(story.journey.events.begin(), story.journey.events.end(),
                                [](const Event& event) { return event.get<Drop>() != nullptr; });
    other.time_ns -= kMillisecond;
    ++other.skb;
    story.journey.events.insert(story.journey.events.begin() + 2, other);
    why = "more than one of its packets";
  }
  SUBCASE("the table is not the entry's") {
    story.verdict(How::Stack).entry = entry("ipt_do_table", "mangle");
    why = "the verdict came from table mangle";
  }
  SUBCASE("the entry is NAT's") {
    story.verdict(How::Stack).entry = entry("nf_nat_ipv4_in");
    why = "the verdict came from NAT";
  }
  SUBCASE("the entry is conntrack's") {
    story.verdict(How::Stack).entry = entry("ipv4_conntrack_in");
    why = "";
  }
  SUBCASE("two sources name two entries") {
    story.verdict(How::Stack).entry = entry("ipt_do_table", "filter");
    story.verdict(How::Fentry).entry = entry("ipv4_conntrack_in");
    why = "which entry of the hook it was is not determined";
  }
  SUBCASE("counters name another rule") {
    named(story, How::Counters, xt_rule(), "");
    with_text(story, text_for(xt_rule(), "iptables-legacy", "-A FORWARD -p tcp -j DROP"));
    why = "do not agree";
  }
  SUBCASE("nft's trace says that nft dropped one") {
    model::RuleKey nft = nft_rule(41, 0);
    nft.table_handle = nft.chain_handle = 0;
    story.verdict(How::NfTrace).rule = nft;
    why = "do not agree";
  }
  const Verdict verdict = story.judged();
  check_not_determined(verdict);
  CHECK_MESSAGE(verdict.where.rule_gap.find(why) != std::string::npos, verdict.where.rule_gap);
}

TEST_CASE("a line that is not near the drop, or in another namespace, is not looked at") {
  Story story = dropped("nf_hook_slow");
  line(story, line_key("FORWARD", 3));
  with_text(story, drops(story, line_key("FORWARD", 3), "-A FORWARD -p tcp -j DROP"));
  CHECK(story.judged().where.rule->number == 3U);
  Event& last = story.journey.events.back();
  SUBCASE("too late") { last.time_ns += 50 * kMillisecond; }
  SUBCASE("elsewhere") { last.place.netns = kServer; }
  SUBCASE("of the answer") { last.leg = Leg::SynAck; }
  SUBCASE("freed by another function") { story.last_drop().symbol.function = "nft_do_chain"; }
  SUBCASE("the hook is not known") { story.last_drop().has_hook = false; }
  const Verdict verdict = story.judged();
  check_not_determined(verdict);
  CHECK(verdict.where.rule_gap.find("tracing told") == std::string::npos);
}

TEST_CASE("of two SYNs each has its own line; one that came late is not the other's") {
  Story story = dropped("nf_hook_slow");
  bool traced_first = true;
  SUBCASE("both were traced") {}
  SUBCASE("the first one's was not seen in time") { traced_first = false; }
  if (traced_first) line(story, line_key("FORWARD", 2));
  story.at(1000).retransmit().syn_to_node().drop(Leg::Syn, kNodeVeth, "nf_hook_slow", "NETFILTER_DROP").hook(2, 2, "vethpod", "vethsrv");
  line(story, line_key("FORWARD", 3));
  with_text(story, drops(story, line_key("FORWARD", 3), "-A FORWARD -p tcp -j DROP"));
  const Verdict verdict = story.judged();
  if (traced_first) {
    CHECK(verdict.where.rule->number == 3U);
    return;
  }
  check_not_determined(verdict);
  CHECK(verdict.where.rule_gap.find("read late") != std::string::npos);
}

TEST_CASE("counters and tracing of one rule agree") {
  Story story = dropped("nf_hook_slow");
  line(story, line_key("FORWARD", 3));
  with_text(story, drops(story, line_key("FORWARD", 3), "-A FORWARD -p tcp -j DROP"));
  auto text = text_for(xt_rule(), "iptables-legacy", "-A FORWARD -p tcp -j DROP");
  bool agree = true;
  SUBCASE("rule and rule") {}
  SUBCASE("policy and rule") {
    text.policy = true;
    text.number.reset();
    agree = false;
  }
  named(story, How::Counters, xt_rule(), "");
  with_text(story, text);
  if (!agree) {
    check_not_determined(story.judged());
    return;
  }
  CHECK(story.judged().where.rule->how == "counters");
  CHECK(story.judged().where.rule->number == 3U);
  CHECK(says(story.judged(), "tracing names the same"));
}
