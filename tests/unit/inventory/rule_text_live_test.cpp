// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Rule texts out of real rulesets, in a network namespace of this test's own. Needs root, nft and both iptables.
#include <doctest/doctest.h>
#include <linux/netfilter.h>

#include <atomic>
#include <string>
#include <thread>

#include "../machine/container.hpp"
#include "rule_lab.hpp"

using namespace synfate;
using namespace synfate::inventory;

TEST_CASE("native nft: text, comment, number and policy") {
  test::RuleLab lab;
  if (!lab.usable()) return;
  lab.sh(R"SH(nft -f - <<'E'
table inet t {
  chain in {
    type filter hook input priority 0; policy drop;
    tcp dport 22 accept
    ip saddr { 10.0.0.1, 10.0.0.2, 10.0.0.3, 10.0.0.4, 10.0.0.5, 10.0.0.6, 10.0.0.7, 10.0.0.8 } tcp dport 80 counter drop comment "no web"
  }
}
E)SH");
  auto question = lab.nft(NFPROTO_INET, "t", "in", 2);
  question.flow = test::flow_of("10.0.0.7", "10.0.0.99", 80);
  const auto text = lab.read(question);
  CHECK(text.gap == "");
  CHECK(text.backend == "nft");
  CHECK(text.text ==
        "ip saddr { 10.0.0.1, 10.0.0.2, 10.0.0.3, 10.0.0.4, 10.0.0.5, 10.0.0.6, 10.0.0.7, 10.0.0.8 } "
        "tcp dport 80 counter packets 0 bytes 0 drop comment \"no web\"");
  CHECK(text.comment == "no web");
  CHECK(text.number == 2U);
  CHECK(text.element == "10.0.0.7");
  CHECK(text.source == "libnftables");
  const auto policy = lab.read(lab.nft(NFPROTO_INET, "t", "in", 0));
  CHECK(policy.text == "policy drop");
  CHECK(policy.policy);
  CHECK_FALSE(policy.number);
  CHECK(policy.gap == "");
}

TEST_CASE("native nft: the element that decided, of sets, ranges, concatenations and verdict maps") {
  test::RuleLab lab;
  if (!lab.usable()) return;
  lab.sh(R"SH(nft -f - <<'E'
table inet t {
  set nets { type ipv4_addr; flags interval; elements = { 10.1.0.0/16 comment "ours", 10.2.0.5-10.2.0.9, 192.0.2.1 } }
  set pairs { type ipv4_addr . inet_service; flags interval; elements = { 10.3.0.0/24 . 80-90 comment "both", 10.4.0.1 . 443 } }
  map none { type ipv4_addr . inet_proto . inet_service : verdict; elements = { 10.9.0.1 . tcp . 80 comment "ns6/svc6:p80" : goto refuse, 10.9.0.2 . tcp . 80 comment "ns2/svc2:p80" : drop } }
  map linkmap { type ifname : verdict; elements = { "eth0" : drop, "eth1" comment "one" : drop, "eth2" : accept } }
  chain refuse { counter reject with tcp reset; }
  chain in {
    type filter hook input priority 0;
    ip saddr @nets drop
    ip saddr . tcp dport @pairs drop
    ip saddr != @nets counter drop
    ct state new ip daddr . meta l4proto . th dport vmap @none
    iifname vmap @linkmap
    ip6 saddr { fd00::/16, fe80::1 } tcp sport { 1-9, 1000-50000 } drop
    ip saddr . ip daddr vmap { 10.7.0.1 . 10.7.0.2 : drop }
  }
}
E)SH");
  const auto element = [&](std::size_t number, const model::Flow& flow, const std::string& in = "") {
    auto question = lab.nft(NFPROTO_INET, "t", "in", number);
    question.flow = flow;
    question.in_device = in;
    const auto text = lab.read(question);
    CHECK(text.gap == "");
    CHECK(text.text != "");
    return text.element;
  };
  const auto from = [](const std::string& src) { return test::flow_of(src, "10.0.0.1", 85); };
  CHECK(element(1, from("10.1.2.3")) == "10.1.0.0/16 comment \"ours\"");
  CHECK(element(1, from("10.2.0.9")) == "10.2.0.5-10.2.0.9");
  CHECK(element(1, from("192.0.2.1")) == "192.0.2.1");
  CHECK(element(1, from("10.2.0.10")) == "");
  CHECK(element(1, from("fd00::1")) == "");
  CHECK(element(2, from("10.3.0.77")) == "10.3.0.0/24 . 80-90 comment \"both\"");
  CHECK(element(2, from("10.4.0.1")) == "");
  CHECK(element(2, test::flow_of("10.4.0.1", "10.0.0.1", 443)) == "10.4.0.1 . 443");
  CHECK(element(3, from("10.200.0.1")) == "");
  CHECK(element(4, test::flow_of("10.0.0.1", "10.9.0.2", 80)) == "10.9.0.2 . tcp . 80 comment \"ns2/svc2:p80\" : drop");
  CHECK(element(4, test::flow_of("10.0.0.1", "10.9.0.1", 80)) == "");
  CHECK(element(5, from("10.0.0.2"), "eth1") == "\"eth1\" comment \"one\" : drop");
  CHECK(element(5, from("10.0.0.2"), "eth2") == "");
  CHECK(element(5, from("10.0.0.2")) == "");
  CHECK(element(6, test::flow_of("fd00::5", "fd00::6", 80)) == "fd00::/16, 1000-50000");
  CHECK(element(7, test::flow_of("10.7.0.1", "10.7.0.2", 80)) == "10.7.0.1 . 10.7.0.2 : drop");

  auto question = lab.nft(NFPROTO_INET, "t", "refuse", 1);
  question.flow = test::flow_of("10.0.0.1", "10.9.0.1", 80);
  const auto refused = lab.read(question);
  CHECK(refused.via == "10.9.0.1 . tcp . 80 comment \"ns6/svc6:p80\" : goto refuse");
  CHECK(refused.text == "meta l4proto tcp counter packets 0 bytes 0 reject with tcp reset");
  question.flow = test::flow_of("10.0.0.1", "10.9.0.3", 80);
  CHECK(lab.read(question).via == "");
  lab.sh("nft add rule inet t in jump refuse");
  question.flow = test::flow_of("10.0.0.1", "10.9.0.1", 80);
  CHECK(lab.read(question).via == "");
}

TEST_CASE("iptables-nft: comments and reject details that nft's own listing loses") {
  test::RuleLab lab;
  if (!lab.usable()) return;
  lab.sh(R"SH(
iptables-nft -A INPUT -p tcp --dport 1 -j ACCEPT
iptables-nft -N USER
iptables-nft -A INPUT -j USER
iptables-nft -A USER -p tcp --dport 2 -m comment --comment 'say "no"' -m comment --comment second -j DROP
iptables-nft -A USER -p tcp --dport 3 -m comment --comment "$(printf 'a\nb\033[31m')" -j REJECT --reject-with tcp-reset
iptables-nft -P FORWARD DROP
ip6tables-nft -A OUTPUT -p tcp --dport 4 -m comment --comment six -j REJECT --reject-with icmp6-adm-prohibited
)SH");
  const auto before = lab.sh("nft list ruleset");
  const auto drop = lab.read(lab.nft(NFPROTO_IPV4, "filter", "USER", 1));
  CHECK(drop.gap == "");
  CHECK(drop.backend == "iptables-nft");
  CHECK(drop.text == "-A USER -p tcp -m tcp --dport 2 -m comment --comment \"say \\\"no\\\"\" -m comment --comment second -j DROP");
  CHECK(drop.comment == "say \"no\" / second");
  CHECK(drop.number == 1U);
  CHECK(drop.source == "iptables-nft-save of the host");
  const auto reject = lab.read(lab.nft(NFPROTO_IPV4, "filter", "USER", 2));
  CHECK(reject.gap == "");
  CHECK(reject.text.find("-j REJECT --reject-with tcp-reset") != std::string::npos);
  CHECK(reject.comment == "a b [31m");
  const auto six = lab.read(lab.nft(NFPROTO_IPV6, "filter", "OUTPUT", 1));
  CHECK(six.gap == "");
  CHECK(six.backend == "iptables-nft");
  CHECK(six.comment == "six");
  CHECK(six.text.find("--reject-with icmp6-adm-prohibited") != std::string::npos);
  CHECK(lab.read(lab.nft(NFPROTO_IPV4, "filter", "FORWARD", 0)).text == "-P FORWARD DROP");
  CHECK(lab.sh("nft list ruleset") == before);
}

TEST_CASE("a rule that nft put into iptables' table is told in nft's words") {
  test::RuleLab lab;
  if (!lab.usable()) return;
  lab.sh("iptables-nft -A INPUT -p tcp --dport 1 -j ACCEPT; nft add rule ip filter INPUT tcp dport 9 drop comment native");
  const auto text = lab.read(lab.nft(NFPROTO_IPV4, "filter", "INPUT", 2));
  CHECK(text.backend == "nft");
  CHECK(text.text == "tcp dport 9 drop comment \"native\"");
}

TEST_CASE("a rule that is gone, replaced, moved or in a table made anew is never given another's text") {
  test::RuleLab lab;
  if (!lab.usable()) return;
  const std::string rules =
      "nft 'add table ip t; add chain ip t c { type filter hook input priority 0; }; add rule ip t c tcp dport 1 drop'";
  lab.sh(rules);
  const auto question = lab.nft(NFPROTO_IPV4, "t", "c", 1);
  CHECK(lab.read(question).text == "tcp dport 1 drop");

  SUBCASE("removed, and another put there") {
    lab.sh("nft flush chain ip t c; nft add rule ip t c tcp dport 2 drop");
    const auto text = lab.read(question);
    CHECK(text.text == "");
    CHECK(text.gap == "the rule was removed or replaced between the drop and this reading (handle " + std::to_string(question.key.handle) +
                          " is gone)");
  }
  SUBCASE("the table was made anew, with the same handles") {
    lab.sh("nft delete table ip t; " + rules);
    const auto again = lab.nft(NFPROTO_IPV4, "t", "c", 1);
    REQUIRE(again.key.handle == question.key.handle);
    REQUIRE(again.key.table_handle != question.key.table_handle);
    CHECK(lab.read(question).text == "");
    CHECK(lab.read(question).gap.find("is gone") != std::string::npos);
    CHECK(lab.read(again).text == "tcp dport 1 drop");
  }
  SUBCASE("the chain was made anew") {
    lab.sh("nft delete chain ip t c; nft add chain ip t c '{ type filter hook input priority 0; policy drop; }'");
    auto policy = question;
    policy.key.kind = model::RuleKey::Kind::NftPolicy;
    CHECK(lab.read(policy).text == "");
    CHECK(lab.read(policy).gap.find("removed or replaced") != std::string::npos);
  }
  SUBCASE("moved by a rule before it") {
    lab.sh("nft insert rule ip t c tcp dport 7 drop");
    const auto text = lab.read(question);
    CHECK(text.text == "tcp dport 1 drop");
    CHECK(text.number == 2U);
    CHECK(text.key.number == 1);
    CHECK(text.gap == "");
  }
  SUBCASE("the table is gone") {
    lab.sh("nft delete table ip t");
    CHECK(lab.read(question).gap.find("is gone") != std::string::npos);
    CHECK(lab.sh("nft list ruleset") == "");
  }
}

TEST_CASE("names that are nft's language, and comments that imitate its listing, do nothing and name nothing wrong") {
  test::RuleLab lab;
  if (!lab.usable()) return;
  lab.sh("nft 'add table ip t; add chain ip t c { type filter hook input priority 0; }; add rule ip t c tcp dport 1 drop'");
  auto question = lab.nft(NFPROTO_IPV4, "t", "c", 1);
  question.key.chain = "c; flush ruleset";
  CHECK(lab.read(question).text == "");
  CHECK(lab.sh("nft list ruleset") != "");
}

TEST_CASE("a chain of Calico's comes with the first rules of its policies, also behind a group of them") {
  test::RuleLab lab;
  if (!lab.usable()) return;
  for (const bool nft : {true, false}) {
    const std::string command = nft ? "iptables-nft" : "iptables-legacy";
    lab.sh(command + R"SH(-restore <<'END'
*filter
:FORWARD ACCEPT [0:0]
:cali-tw-cali0 - [0:0]
:cali-pi-_a - [0:0]
:cali-pi-_b - [0:0]
:cali-gi-g - [0:0]
-A cali-tw-cali0 -j cali-pi-_a
-A cali-tw-cali0 -j cali-gi-g
-A cali-tw-cali0 -m comment --comment "End of tier default" -j DROP
-A cali-pi-_a -m comment --comment "NetworkPolicy shop/a ingress" -j RETURN
-A cali-pi-_a -j RETURN
-A cali-gi-g -j cali-pi-_b
-A cali-gi-g -j cali-pi-_a
-A cali-pi-_b -j RETURN
COMMIT
END
)SH");
    const auto text = lab.read(nft ? lab.nft(NFPROTO_IPV4, "filter", "cali-tw-cali0", 3) : lab.legacy(false, "filter", "cali-tw-cali0", 3));
    CHECK(text.gap == "");
    std::string lines = command + "\n";
    for (const std::string& line : text.chain_rules) lines += line + "\n";
    CHECK(lines == command + R"(
-A cali-tw-cali0 -j cali-pi-_a
-A cali-tw-cali0 -j cali-gi-g
-A cali-tw-cali0 -m comment --comment "End of tier default" -j DROP
-A cali-pi-_a -m comment --comment "NetworkPolicy shop/a ingress" -j RETURN
-A cali-gi-g -j cali-pi-_b
-A cali-gi-g -j cali-pi-_a
-A cali-pi-_b -j RETURN
)");
  }
}

TEST_CASE("iptables-legacy: the n-th rule of a user chain, a policy, and tables that are not there") {
  test::RuleLab lab;
  if (!lab.usable()) return;
  lab.sh(R"SH(
iptables-legacy -N USER
iptables-legacy -A INPUT -j USER
iptables-legacy -A USER -p tcp --dport 1 -j ACCEPT
iptables-legacy -A USER -p tcp --dport 2 -m comment --comment "the second" -j REJECT --reject-with tcp-reset
iptables-legacy -P FORWARD DROP
ip6tables-legacy -A INPUT -s fd00::1 -j DROP
)SH");
  const std::string names = lab.sh("cat /proc/net/ip_tables_names");
  const auto question = lab.legacy(false, "filter", "USER", 2);
  const auto text = lab.read(question);
  CHECK(text.gap == "");
  CHECK(text.backend == "iptables-legacy");
  CHECK(text.text == "-A USER -p tcp -m tcp --dport 2 -m comment --comment \"the second\" -j REJECT --reject-with tcp-reset");
  CHECK(text.comment == "the second");
  CHECK(text.number == 2U);
  CHECK(text.chain == "USER");
  CHECK(text.source == "iptables-legacy-save of the host");
  CHECK(lab.read(lab.legacy(false, "filter", "FORWARD", 0)).text == "-P FORWARD DROP");
  CHECK(lab.read(lab.legacy(true, "filter", "INPUT", 1)).text == "-A INPUT -s fd00::1/128 -j DROP");

  auto traced = question;
  traced.key.chain = "USER";
  traced.key.number = 2;
  traced.key.offset = 0;
  CHECK(lab.read(traced).text == text.text);
  CHECK(lab.read(traced).gap == "");
  traced.proof = 0;
  CHECK(lab.read(traced).text == text.text);
  CHECK(lab.read(traced).gap.find("nothing shows that the table was not replaced") != std::string::npos);

  auto absent = question;
  absent.key.table = "security";
  CHECK(lab.read(absent).text == "");
  CHECK(lab.read(absent).gap.find("no such table") != std::string::npos);
  CHECK(lab.sh("cat /proc/net/ip_tables_names") == names);

  lab.sh("iptables-legacy -I USER -s 10.0.0.1 -j DROP");
  const auto changed = lab.read(question);
  CHECK(changed.text == "");
  CHECK(changed.gap.find("removed or replaced") != std::string::npos);
}

TEST_CASE("the tools of the node container that owns the namespace are asked first") {
  test::RuleLab lab;
  if (!lab.usable()) return;
  lab.sh("iptables-nft -A INPUT -p tcp --dport 1 -j DROP; nft 'add table ip t; add chain ip t c; add rule ip t c tcp dport 1 drop'");
  const test::Container container{"", lab.path()};
  REQUIRE(container.tgid() != 0);
  const std::string owner = " of the node container (tgid " + std::to_string(container.tgid()) + ")";
  const auto saved = lab.read(lab.nft(NFPROTO_IPV4, "filter", "INPUT", 1), container.tgid());
  CHECK(saved.gap == "");
  CHECK(saved.text == "-A INPUT -p tcp -m tcp --dport 1 -j DROP");
  CHECK(saved.source == "iptables-nft-save" + owner);
  const auto listed = lab.read(lab.nft(NFPROTO_IPV4, "t", "c", 1), container.tgid());
  CHECK(listed.text == "tcp dport 1 drop");
  CHECK(listed.source == "nft" + owner);

  // One without those tools: the host's serve.
  const test::Container bare{"mount -t tmpfs tmpfs /usr/sbin", lab.path()};
  REQUIRE(bare.tgid() != 0);
  CHECK(lab.read(lab.nft(NFPROTO_IPV4, "filter", "INPUT", 1), bare.tgid()).source == "iptables-nft-save of the host");
  CHECK(lab.read(lab.nft(NFPROTO_IPV4, "t", "c", 1), bare.tgid()).source == "libnftables");
}

TEST_CASE("while an engine rewrites the chain a text is the rule's own or not there") {
  test::RuleLab lab;
  if (!lab.usable()) return;
  lab.sh("for i in 1 2 3 4 5 6 7 8; do iptables-nft -A INPUT -p tcp --dport $i -j DROP; done");
  const auto question = lab.nft(NFPROTO_IPV4, "filter", "INPUT", 5);
  std::atomic<bool> done = false;
  std::thread engine{[&] {
    for (int round = 0; round < 40; ++round) {
      lab.sh(
          "iptables-nft -I INPUT 2 -p udp --dport 99 -j DROP; iptables-nft -D INPUT 2; iptables-nft -I INPUT 7 -j DROP; iptables-nft -D "
          "INPUT 7");
    }
    done = true;
  }};
  unsigned right = 0;
  unsigned silent = 0;
  while (!done) {
    const auto text = lab.read(question);
    const bool own = text.text == "-A INPUT -p tcp -m tcp --dport 5 -j DROP";
    CHECK((own || (text.text.empty() && !text.gap.empty()) || text.gap.find("leaves out what only iptables knows") != std::string::npos));
    if (text.backend == "iptables-nft" && !text.text.empty()) CHECK(text.text.find("dport 5 ") != std::string::npos);
    ++(own ? right : silent);
  }
  engine.join();
  MESSAGE(right << " texts, " << silent << " answers that it kept changing, no wrong one");
  // How often it finds a moment between two changes is a matter of speed; in the end nothing changes any more.
  CHECK(lab.read(question).text == "-A INPUT -p tcp -m tcp --dport 5 -j DROP");
}
