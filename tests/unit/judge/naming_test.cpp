// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// From the kernel's record of a verdict and the text read for it to the rule in the row, and what must not be paired.
#include "verdicts.hpp"

using namespace synfate::judge::test;
namespace model = synfate::model;

TEST_CASE("an nft rule is named with all that its text tells") {
  Story story = dropped("nft_do_chain");
  auto& told = story.verdict(How::Stack);
  told.rule = nft_rule();
  told.ruleset = 7;
  story.verdict(How::Stack).entry = entry("nft_do_chain_ipv4");
  auto text = text_for(nft_rule(), "iptables-nft", "-A KUBE-POD-FW-X -j DROP");
  text.ruleset = 7;
  text.comment = "ours";
  text.element = "10.0.0.1 . tcp";
  text.via = "eth0";
  with_text(story, text);
  const Verdict verdict = story.judged();
  CHECK(verdict.cause == "netfilter_drop");
  CHECK(verdict.summary == "by a rule");
  CHECK(verdict.confidence == Confidence::Exact);
  const auto& rule = verdict.where.rule.value();
  CHECK(rule.backend == "iptables-nft");
  CHECK(rule.family == "ip");
  CHECK(rule.table == "filter");
  CHECK(rule.chain == "KUBE-POD-FW-X");
  CHECK(rule.number == 9U);
  CHECK(rule.handle == 41U);
  CHECK(rule.policy == false);
  CHECK(rule.element == "10.0.0.1 . tcp");
  CHECK(rule.via == "eth0");
  CHECK(rule.text == "-A KUBE-POD-FW-X -j DROP");
  CHECK(rule.comment == "ours");
  CHECK(rule.how == "stack");
  CHECK(verdict.where.rule_gap.empty());
  CHECK(says(verdict, "entry 2 of 4: nft_do_chain_ipv4, priority 0"));
  CHECK(verdict.next == "iptables-nft -t filter -nvL KUBE-POD-FW-X --line-numbers");
}

TEST_CASE("elements are told only of the ruleset that dropped the packet") {
  Story story = dropped("nft_do_chain");
  std::uint32_t at_the_drop = 7;
  auto text = text_for(nft_rule(), "nft", "ip daddr vmap @m");
  text.comment = "of the rule";
  text.element = "10.0.0.1 comment \"ours\" : drop";
  text.via = "10.0.0.1 : goto c";
  bool later = false;
  SUBCASE("the same") { text.ruleset = 7; }
  SUBCASE("not known of the text") { later = true; }
  SUBCASE("not known of the drop") {
    text.ruleset = 7;
    at_the_drop = 0;
    later = true;
  }
  SUBCASE("a later one") {
    text.ruleset = 8;
    later = true;
  }
  auto& told = story.verdict(How::Stack);
  told.rule = nft_rule();
  told.ruleset = at_the_drop;
  with_text(story, text);
  const Verdict verdict = story.judged();
  const auto& rule = verdict.where.rule.value();
  CHECK(rule.number == 9U);
  CHECK(rule.text == "ip daddr vmap @m");
  CHECK(rule.comment == "of the rule");
  CHECK(rule.element.empty() == later);
  CHECK(rule.via.empty() == later);
  CHECK((verdict.where.rule_gap.find("generation 7, then 8") != std::string::npos) == (text.ruleset == 8));
  CHECK(verdict.where.rule_gap.empty() != later);
}

TEST_CASE("a later ruleset takes nothing from a rule that asks no set") {
  Story story = dropped("nft_do_chain");
  auto& told = story.verdict(How::Stack);
  told.rule = nft_rule();
  told.ruleset = 7;
  auto text = text_for(nft_rule(), "nft", "tcp dport 80 drop");
  text.ruleset = 8;
  with_text(story, text);
  CHECK(story.judged().where.rule->text == "tcp dport 80 drop");
  CHECK(story.judged().where.rule_gap.empty());
}

TEST_CASE("a record of another packet is not taken") {
  Story story = dropped("nft_do_chain");
  named(story, How::Stack, nft_rule());
  with_text(story, text_for(nft_rule(), "nft", "tcp dport 80 drop"));
  CHECK(story.judged().where.rule->handle == 41U);
  Event& verdict = story.journey.events.back();
  SUBCASE("another sk_buff") { ++verdict.skb; }
  SUBCASE("another time") { ++verdict.time_ns; }
  SUBCASE("another namespace") { verdict.place.netns = kPod; }
  SUBCASE("no verdict to drop") { std::get<model::HookVerdict>(verdict.what).outcome = model::HookVerdict::Outcome::Accept; }
  SUBCASE("packets without an identity") {
    for (Event& event : story.journey.events) event.skb = 0;
  }
  check_not_determined(story.judged());
  CHECK(story.judged().where.rule_gap.find("which one was not recorded") != std::string::npos);
}

TEST_CASE("a text of another rule is not taken") {
  Story story = dropped("nft_do_chain");
  named(story, How::Fentry, nft_rule());
  const auto text = text_for(nft_rule(), "nft", "tcp dport 80 drop");
  const char* gap = "its text was not read";
  SUBCASE("none was read") {}
  SUBCASE("of another handle") { with_text(story, text_for(nft_rule(42), "nft", "tcp dport 81 drop")); }
  SUBCASE("of a table that was made anew") {
    auto other = text;
    other.key.table_handle = 4;
    with_text(story, other);
  }
  SUBCASE("with the element of another flow") {
    auto other = text;
    other.element = "10.0.9.9";
    with_text(story, other);
    story.inventory.namespaces[kHost].rules.back().flow.dst.port = 81;
  }
  SUBCASE("in another namespace") { story.inventory.namespaces[kPod].rules = {text}; }
  SUBCASE("a policy's") {
    auto other = text;
    other.policy = true;
    with_text(story, other);
    gap = "not of such a rule";
  }
  SUBCASE("of another chain") {
    auto other = text;
    other.chain = "FORWARD";
    with_text(story, other);
    gap = "not of such a rule";
  }
  SUBCASE("of another backend") {
    auto other = text;
    other.backend = "iptables-legacy";
    with_text(story, other);
    gap = "not of such a rule";
  }
  const Verdict verdict = story.judged();
  CHECK(verdict.summary == "by a rule");
  CHECK(verdict.where.rule->handle == 41U);
  CHECK(verdict.where.rule->number == 9U);
  CHECK(verdict.where.rule->chain == "KUBE-POD-FW-X");
  CHECK(verdict.where.rule->text.empty());
  CHECK(verdict.where.rule->backend.empty());
  CHECK(verdict.where.rule_gap.find(gap) != std::string::npos);
  CHECK(verdict.confidence == Confidence::Exact);
  CHECK(verdict.next == "nft -a list chain ip filter KUBE-POD-FW-X");
}

TEST_CASE("a text that says that the rule is gone is the gap") {
  Story story = dropped("nft_do_chain");
  named(story, How::Fentry, nft_rule());
  model::RuleText text;
  text.key = nft_rule();
  text.gap = "it was gone when the ruleset was read, 12 ms after the drop";
  with_text(story, text);
  const Verdict verdict = story.judged();
  CHECK(verdict.where.rule_gap == text.gap);
  CHECK(verdict.where.rule->text.empty());
  CHECK(verdict.where.rule->handle == 41U);
  CHECK(verdict.where.rule->policy == false);
}

TEST_CASE("a rule that moved keeps the number that it had") {
  Story story = dropped("nft_do_chain");
  named(story, How::Fentry, nft_rule());
  auto text = text_for(nft_rule(), "nft", "tcp dport 80 drop");
  text.number = 10;
  with_text(story, text);
  const Verdict verdict = story.judged();
  CHECK(verdict.where.rule->number == 9U);
  CHECK(says(verdict, "rule 9 of its chain when it dropped the packet, and rule 10"));
}

TEST_CASE("families that meet on a hook, and tables of each") {
  struct {
    unsigned hook_family, hook;
    std::uint8_t table_family;
    const char* word;
    const char* next;
  } const rows[] = {{2, 2, 1, "inet", "nft -a list chain inet filter KUBE-POD-FW-X"},
                    {10, 2, 10, "ip6", "nft -a list chain ip6 filter KUBE-POD-FW-X"},
                    {10, 1, 1, "inet", "nft -a list chain inet filter KUBE-POD-FW-X"},
                    {7, 2, 7, "bridge", "nft -a list chain bridge filter KUBE-POD-FW-X"},
                    {5, 0, 5, "netdev", "nft -a list chain netdev filter KUBE-POD-FW-X"},
                    {5, 0, 1, "inet", "nft -a list chain inet filter KUBE-POD-FW-X"},
                    {1, 5, 1, "inet", "nft -a list chain inet filter KUBE-POD-FW-X"}};
  for (const auto& row : rows) {
    Story story = dropped("nft_do_chain", row.hook_family, row.hook);
    const auto key = nft_rule(41, 9, row.table_family);
    named(story, How::Stack, key);
    with_text(story, text_for(key, "nft", "tcp dport 80 drop"));
    const Verdict verdict = story.judged();
    CHECK(verdict.where.rule->family == row.word);
    CHECK(verdict.where.rule->handle == 41U);
    CHECK(verdict.next == row.next);
  }
}

TEST_CASE("an iptables-legacy rule by its counters") {
  Story story = dropped("nf_hook_slow");
  named(story, How::Counters, xt_rule(), "");
  story.verdict(How::Stack).entry = entry("ipt_do_table", "filter");
  with_text(story, text_for(xt_rule(), "iptables-legacy", "-A FORWARD -p tcp -j DROP"));
  with_text(story, text_for(xt_rule(456), "iptables-legacy", "-A FORWARD -p udp -j DROP"));
  with_text(story, text_for(xt_rule(304, 0xffff888099999000), "iptables-legacy", "-A FORWARD -p sctp -j DROP"));
  const Verdict verdict = story.judged();
  CHECK(verdict.summary == "by a rule");
  CHECK(verdict.where.rule->backend == "iptables-legacy");
  CHECK(verdict.where.rule->chain == "FORWARD");
  CHECK(verdict.where.rule->number == 3U);
  CHECK_FALSE(verdict.where.rule->handle.has_value());
  CHECK(verdict.where.rule->text == "-A FORWARD -p tcp -j DROP");
  CHECK(verdict.where.rule->how == "counters");
  CHECK(verdict.next == "iptables-legacy -t filter -nvL FORWARD --line-numbers");
  CHECK(says(verdict, "entry 2 of 4: ipt_do_table, table filter, priority 0"));
}

TEST_CASE("of an entry of xtables alone the table is known, and why there is no more") {
  Story story = dropped("nf_hook_slow", kIp6);
  story.verdict(How::Stack).entry = entry("ip6t_do_table", "raw", -300);
  const Verdict verdict = story.judged();
  check_not_determined(verdict);
  CHECK(verdict.summary == "by iptables-legacy, table raw");
  CHECK(verdict.confidence == Confidence::Exact);
  CHECK(verdict.where.rule->backend == "iptables-legacy");
  CHECK(verdict.where.rule->family == "ip6");
  CHECK(verdict.where.rule->table == "raw");
  CHECK(verdict.where.rule_gap.find("tier 3") != std::string::npos);
  CHECK(verdict.next == "ip6tables-legacy -t raw -nvL --line-numbers");
}

TEST_CASE("an entry with a table of xtables is one of xtables, whatever its function is called") {
  for (const char* function : {"", "a_hook_of_some_module"}) {
    Story story = dropped("nf_hook_slow");
    story.verdict(How::Stack).entry = entry(function, "filter");
    CHECK(story.judged().where.rule->table == "filter");
    CHECK(story.judged().summary == "by iptables-legacy, table filter");
  }
}

TEST_CASE("the kernel side's doubt is the gap") {
  Story story = dropped("nft_do_chain");
  story.verdict(How::Stack).doubt = "the stack had another shape";
  CHECK(story.judged().where.rule_gap.ends_with("; the stack had another shape"));
  SUBCASE("the better source's first") {
    story.verdict(How::Fentry).doubt = "no expression was seen";
    CHECK(story.judged().where.rule_gap.ends_with("; no expression was seen"));
  }
  SUBCASE("not where another source names the rule") {
    named(story, How::Fentry, nft_rule());
    CHECK(story.judged().where.rule->handle == 41U);
    CHECK(story.judged().where.rule_gap == "its text was not read");
  }
}

TEST_CASE("a verdict's record is no sign that the packet was for this node") {
  Story story;
  story.not_local().receive(Leg::Syn, kNodeEth).drop(Leg::Syn, kNodeEth, "ip_rcv_core", "OTHERHOST");
  CHECK_FALSE(synfate::judge::concerns_this_node(story.journey));
  story.verdict(How::NfTrace).outcome = model::HookVerdict::Outcome::Continue;
  CHECK_FALSE(synfate::judge::concerns_this_node(story.journey));
}
