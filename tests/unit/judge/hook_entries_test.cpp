// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Verdicts that no rule gave: conntrack, NAT, ipvs, security modules, BPF programs.
#include <algorithm>

#include "story.hpp"

using namespace synfate::judge::test;
using How = synfate::model::HookVerdict::How;
namespace model = synfate::model;

namespace {

Story by_entry(const char* function, unsigned hook = 2, int priority = 0) {
  Story story;
  story.syn_to_node().drop(Leg::Syn, kNodeVeth, "nf_hook_slow", "NETFILTER_DROP").hook(2, hook, "vethpod", "vethsrv");
  story.verdict(How::Stack).entry = model::HookEntry{1, 3, function, "", priority, ""};
  return story;
}

model::Conntrack& conntrack(Story& story) { return story.inventory.namespaces[kHost].conntrack.emplace(); }

bool says(const Verdict& verdict, const char* words) {
  return std::any_of(verdict.evidence.begin(), verdict.evidence.end(),
                     [&](const std::string& line) { return line.find(words) != std::string::npos; });
}

}  // namespace

TEST_CASE("conntrack_full is exact by the table, strong by the counter") {
  for (const char* function : {"ipv4_conntrack_in", "ipv4_conntrack_local", "ipv6_conntrack_in", "nf_conntrack_in", "nf_ct_bridge_pre"}) {
    Story story = by_entry(function, 0, -200);
    CHECK_MESSAGE(story.judged().cause == "netfilter_drop", "nothing is known of conntrack");
    CHECK(story.judged().summary == "by connection tracking");
    CHECK_FALSE(story.judged().where.rule.has_value());
    CHECK(story.judged().where.rule_gap.empty());
    model::Conntrack& state = conntrack(story);
    state.count = 100;
    state.max = 100;
    Verdict verdict = story.judged();
    CHECK(verdict.cause == "conntrack_full");
    CHECK(verdict.fate == Fate::Dropped);
    CHECK(verdict.confidence == Confidence::Exact);
    CHECK(verdict.where.stage == Stage::Prerouting);
    CHECK_FALSE(verdict.where.rule.has_value());
    CHECK(verdict.where.rule_gap.empty());
    CHECK(verdict.next == "sysctl net.netfilter.nf_conntrack_count net.netfilter.nf_conntrack_max");
    state.count = 99;
    CHECK(story.judged().cause == "netfilter_drop");
    state.counters_read = true;
    CHECK(story.judged().cause == "netfilter_drop");
    state.drop = 7;
    verdict = story.judged();
    CHECK(verdict.cause == "conntrack_full");
    CHECK(verdict.confidence == Confidence::Strong);
    CHECK(says(verdict, "99 of at most 100 entries"));
    state = {};
    state.count = 5;
    state.max = 0;
    CHECK_MESSAGE(story.judged().cause == "netfilter_drop", "0 is no limit");
  }
}

TEST_CASE("a full table does not make every drop conntrack's") {
  for (const char* function : {"ipt_do_table", "nf_confirm", "nf_nat_ipv4_pre_routing", "ipv4_conntrack_defrag", ""}) {
    Story story = by_entry(function);
    model::Conntrack& state = conntrack(story);
    state.count = state.max = 100;
    state.counters_read = true;
    state.drop = 3;
    CHECK_MESSAGE(story.judged().cause != "conntrack_full", function);
  }
  Story elsewhere = by_entry("ipv4_conntrack_in");
  elsewhere.inventory.namespaces[kPod].conntrack = model::Conntrack{100, 100};
  CHECK_MESSAGE(elsewhere.judged().cause == "netfilter_drop", "another namespace's table");
}

TEST_CASE("conntrack_clash is strong, and doubtful where chains were too long") {
  for (const char* function : {"nf_confirm", "ipv4_confirm", "ipv6_confirm"}) {
    Story story = by_entry(function, 4, 2147483647);
    model::Conntrack& state = conntrack(story);
    state.count = state.max = 100;
    CHECK(story.judged().cause == "netfilter_drop");
    state.counters_read = true;
    CHECK(story.judged().cause == "netfilter_drop");
    state.insert_failed = 1;
    CHECK(story.judged().cause == "conntrack_clash");
    CHECK(story.judged().confidence == Confidence::Strong);
    CHECK(story.judged().where.stage == Stage::Postrouting);
    CHECK(story.judged().next == "conntrack -S");
    state.chain_too_long = 1;
    CHECK(story.judged().confidence == Confidence::Partial);
  }
}

TEST_CASE("nat_exhausted by the entry, by the expression, by the target") {
  SUBCASE("the entry alone leaves a dropping rule of a nat chain possible") {
    Story story = by_entry("nf_nat_ipv4_out", 4, 100);
    CHECK(story.judged().cause == "nat_exhausted");
    CHECK(story.judged().confidence == Confidence::Strong);
    CHECK(story.judged().next == "conntrack -L -p tcp -r 10.0.2.2");
    CHECK_FALSE(story.judged().where.rule.has_value());
  }
  SUBCASE("nft's own expressions") {
    for (const char* expression : {"masq", "nat", "redir"}) {
      Story story = by_entry("nf_nat_ipv4_out", 4, 100);
      story.last_drop().symbol.function = "nft_do_chain";
      model::HookVerdict& verdict = story.verdict(How::Stack);
      verdict.rule.kind = model::RuleKey::Kind::NftRule;
      verdict.rule.family = 2;
      verdict.rule.handle = 5;
      verdict.expression = expression;
      CHECK(story.judged().cause == "nat_exhausted");
      CHECK(story.judged().confidence == Confidence::Exact);
      CHECK(story.judged().where.rule->handle == 5U);
    }
  }
  SUBCASE("a rule of a nat chain that drops") {
    Story story = by_entry("nf_nat_ipv4_out", 4, 100);
    story.last_drop().symbol.function = "nft_do_chain";
    CHECK_MESSAGE(story.judged().cause == "netfilter_drop", "which rule is not known, so not that it was NAT itself");
    model::HookVerdict& verdict = story.verdict(How::Stack);
    verdict.rule.kind = model::RuleKey::Kind::NftRule;
    verdict.rule.family = 2;
    verdict.rule.handle = 5;
    verdict.expression = "immediate";
    CHECK(story.judged().cause == "netfilter_drop");
    CHECK(story.judged().summary == "by a rule");
  }
  SUBCASE("a target of iptables-legacy") {
    Story story = by_entry("nf_nat_ipv4_out", 4, 100);
    model::HookVerdict& verdict = story.verdict(How::Counters);
    verdict.rule.kind = model::RuleKey::Kind::XtRule;
    verdict.rule.family = 2;
    verdict.rule.table = "nat";
    verdict.rule.generation = 9;
    model::RuleText text;
    text.key = verdict.rule;
    text.backend = "iptables-legacy";
    text.chain = "POSTROUTING";
    text.number = 1;
    text.text = "-A POSTROUTING -o eth0 -j MASQUERADE";
    story.inventory.namespaces[kHost].rules = {text};
    CHECK(story.judged().cause == "nat_exhausted");
    CHECK(story.judged().confidence == Confidence::Exact);
    CHECK(story.judged().where.rule->text == text.text);
  }
}

TEST_CASE("ipvs, which may answer") {
  Story story = by_entry("ip_vs_in_hook", 1, 98);
  CHECK(story.judged().cause == "ipvs");
  CHECK(story.judged().fate == Fate::Dropped);
  CHECK(story.judged().next == "ipvsadm -Ln");
  story.icmp_sent(kNodeVeth, 3, 3);
  CHECK(story.judged().cause == "ipvs");
  CHECK(story.judged().fate == Fate::Refused);
}

TEST_CASE("lsm by a hook entry, and by the kernel's reason") {
  struct {
    const char* function;
    const char* summary;
  } const rows[] = {{"selinux_ip_forward", "by SELinux"}, {"apparmor_ip_postroute", "by AppArmor"}, {"smack_ip_output", "by Smack"}};
  for (const auto& row : rows) {
    const Verdict verdict = by_entry(row.function).judged();
    CHECK(verdict.cause == "lsm");
    CHECK(verdict.summary == row.summary);
    CHECK(verdict.confidence == Confidence::Exact);
    CHECK_FALSE(verdict.where.rule.has_value());
  }
  Story socket;
  socket.syn_to_server().drop(Leg::Syn, kServerEth, "tcp_v4_rcv", "SECURITY_HOOK");
  CHECK(socket.judged().cause == "lsm");
  CHECK(socket.judged().where.stage == Stage::Socket);
}

TEST_CASE("entries without a cause of their own are named, and no rule is asked for") {
  Story bpf = by_entry("nf_hook_run_bpf");
  CHECK(bpf.judged().cause == "netfilter_drop");
  CHECK(bpf.judged().summary == "by a BPF netfilter program");
  CHECK_FALSE(bpf.judged().where.rule.has_value());
  CHECK(bpf.judged().where.rule_gap.empty());
  CHECK(bpf.judged().next == "bpftool link show");
  Story other = by_entry("ipv4_synproxy_hook");
  CHECK(other.judged().cause == "netfilter_drop");
  CHECK(other.judged().summary == "by the netfilter hook entry ipv4_synproxy_hook");
  CHECK(says(other.judged(), "entry 2 of 3: ipv4_synproxy_hook"));
}

TEST_CASE("a rule in nft_do_chain is not the entry's own verdict") {
  for (const char* function : {"ipv4_conntrack_in", "ip_vs_in_hook", "selinux_ip_forward"}) {
    Story story = by_entry(function);
    story.last_drop().symbol.function = "nft_do_chain";
    model::Conntrack& state = conntrack(story);
    state.count = state.max = 1;
    CHECK(story.judged().cause == "netfilter_drop");
  }
}
