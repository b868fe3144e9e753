// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Rules that only look like an engine's, and what hostile strings in them can do.
#include "judge/means/names.hpp"
#include "judge/means/shape.hpp"
#include "means_case.hpp"

using namespace synfate::judge;
using namespace synfate::judge::test;
namespace model = synfate::model;

namespace {

Ruled filter(const std::string& text) { return Ruled::iptables("filter", text); }

}  // namespace

TEST_CASE("a user's rule with an engine's prefix, comment or target means nothing") {
  for (const char* text :
       {"-A KUBE-FOO -j DROP",
        "-A KUBE-SERVICES -j DROP",
        "-A KUBE-SERVICES -p tcp -m tcp --dport 80 -j REJECT",
        "-A INPUT -d 172.30.0.46/32 -p tcp -m comment --comment \"ns6/svc6:p80 has no endpoints\" -m tcp --dport 80 -j REJECT",
        "-A KUBE-SERVICES -m comment --comment \"ns6/svc6:p80 has no endpoints\" -j REJECT",
        "-A KUBE-SERVICES -d 172.30.0.46/32 -p tcp -m comment --comment \"ns6/svc6:p80 has no endpoints\" -m tcp --dport 80 -j DROP",
        "-A KUBE-SERVICES ! -d 172.30.0.46/32 -p tcp -m comment --comment \"ns6/svc6:p80 has no endpoints\" -m tcp --dport 80 -j REJECT",
        "-A KUBE-FORWARD -m conntrack --ctstate INVALID,NEW -j DROP",
        "-A KUBE-FORWARD -m conntrack ! --ctstate INVALID -j DROP",
        "-A KUBE-FORWARD -s 10.0.0.0/8 -m conntrack --ctstate INVALID -j DROP",
        "-A KUBE-FIREWALL -j DROP",
        "-A KUBE-FIREWALL -m comment --comment \"block incoming localnet connections\" -j DROP",
        "-A KUBE-FIREWALL -m comment --comment \"kubernetes firewall for dropping marked packets\" -m mark --mark 0x1/0x1 -j DROP",
        "-A KUBE-POD-FW-MINE -m comment --comment \"a/b reject\" -m mark ! --mark 0x10000/0x10000 -j REJECT",
        "-A KUBE-POD-FW-4BDGZEWEU32YM75H -m comment --comment \"a/b reject\" -j REJECT",
        "-A KUBE-POD-FW-4BDGZEWEU32YM75H -m comment --comment \"a/b reject\" -m mark ! --mark 0x1/0x1 -j REJECT",
        "-A KUBE-POD-FW-4BDGZEWEU32YM75H -m comment --comment \"a/b reject\" -m mark --mark 0x10000/0x10000 -j REJECT",
        "-A KUBE-POD-FW-4BDGZEWEU32YM75H -m mark ! --mark 0x10000/0x10000 -j REJECT",
        "-A INPUT -m comment --comment \"rule to REJECT traffic destined for POD name:b namespace: a\" -m mark ! --mark 0x10000/0x10000 -j "
        "REJECT",
        "-A cali-mine -m comment --comment \"cali:FUDVBYh1Yr6tVRgq\" -j DROP",
        "-A cali-tw-cali0 -j DROP",
        "-A cali-pi-mine -j DROP",
        "-A cali-tw-cali0 -m comment --comment \"cali:short\" -m comment --comment \"Unknown interface\" -j DROP",
        "-A INPUT -m comment --comment \"cali:FUDVBYh1Yr6tVRgq\" -m comment --comment \"Unknown interface\" -j DROP",
        "-A KUBE-SERVICES -m comment --comment \"ns6/svc6:p80 has no endpoints",
        "",
        "-A",
        "-A KUBE-FORWARD",
        "DROP"}) {
    CHECK_MESSAGE(filter(text).told() == "-", text);
  }
}

TEST_CASE("the chain that the kernel named is the one that counts") {
  Ruled rule = filter("-A KUBE-FORWARD -m conntrack --ctstate INVALID -j DROP");
  CHECK(rule.told() != "-");
  rule.context.rule.chain = "FORWARD";
  CHECK(rule.told() == "-");
  rule = filter("-A KUBE-FORWARD -m conntrack --ctstate INVALID -j DROP");
  rule.context.rule.backend = "nft";
  CHECK(rule.told() == "-");
  rule = Ruled::iptables("mangle", "-A KUBE-FORWARD -m conntrack --ctstate INVALID -j DROP");
  CHECK(rule.told() == "-");
  rule = filter("-A KUBE-FORWARD -m conntrack --ctstate INVALID -j DROP");
  rule.context.rule.policy = true;
  CHECK(rule.told() == "-");
}

TEST_CASE("what is quoted is no part of a rule") {
  const auto shape = XtShape::of("-A X -m comment --comment \"-j DROP -m mark --mark 0x1\" -p tcp -j LOG --log-prefix \"-j REJECT \"");
  REQUIRE(shape);
  CHECK(shape->target() == "LOG");
  CHECK(shape->verb() == Verb::Other);
  CHECK_FALSE(shape->has("--mark"));
  CHECK(XtShape::of("-A X -m comment --comment --ctstate -j DROP")->comment() == "--ctstate");
  CHECK(XtShape::of("-A X -m comment --comment \"a \\\" -j ACCEPT \\\" b\" -j DROP")->verb() == Verb::Drop);
  CHECK(NftShape::of("tcp dport 80 drop comment \"x reject\"", "")->verb() == Verb::Drop);
  CHECK(NftShape::of("tcp dport 80 jump drop", "")->verb() == Verb::Other);
  CHECK(NftShape::of("log prefix \"ct state invalid drop\" accept", "")->verb() == Verb::Other);
  CHECK(NftShape::of("ip daddr 1.2.3.4 counter packets 1 bytes 2 reject with tcp reset", "")->match() == "ip daddr 1.2.3.4");
}

TEST_CASE("names that the API would not have taken are not named") {
  for (const char* name : {"ns6/svc6;reboot:p80", "ns6/$(reboot)", "NS6/svc6", "ns6/svc6:p80\n", "ns6/-svc6", "ns6/svc6:", "/svc6", "ns6/",
                           "ns6", "ns6/svc6/x", "ns6/svc.6", "ns6/svc6:p80 has no endpoints x", "ns6/sv\x1b[31mc6", "ns6/svc6 "}) {
    Ruled rule = filter("-A KUBE-SERVICES -d 172.30.0.46/32 -p tcp -m comment --comment \"" + std::string{name} +
                        " has no endpoints\" -m tcp --dport 80 -j REJECT");
    CHECK_MESSAGE(rule.told() == "-", name);
  }
  CHECK(is_label("a"));
  CHECK(is_label(std::string(63, 'a')));
  CHECK_FALSE(is_label(std::string(64, 'a')));
  CHECK_FALSE(is_label("a.b"));
  CHECK(is_subdomain("a.b-c.d"));
  for (const char* name : {"", ".", "a.", ".a", "a..b", "a-.b", "a.-b", "A", "a_b", "a b", "-a"}) CHECK_FALSE(is_subdomain(name));
}

TEST_CASE("64 KiB of comment name nothing") {
  const std::string big(64U << 10U, 'a');
  const std::string blanks(64U << 10U, ' ');
  for (const std::string& part : {big, blanks, "a/" + big, big + "/a:" + big, big + "\\\"" + big}) {
    for (const std::string head : {"-A KUBE-SERVICES -d 172.30.0.46/32 -p tcp -m comment --comment \"",
                                   "-A cali-pi-x -m comment --comment \"cali:aaaaaaaaaaaaaaaa\" -m comment --comment \"",
                                   "-A KUBE-POD-FW-4BDGZEWEU32YM75H -m mark ! --mark 0x10000/0x10000 -m comment --comment \""}) {
      Ruled rule = filter(head + part + " has no endpoints\" -m tcp --dport 80 -j REJECT");
      const auto means = rule.means();
      if (!means) continue;
      CHECK(means->name.empty());
      CHECK(means->text.size() < 512);
    }
  }
}

TEST_CASE("commands have only names in them that no shell can misread") {
  for (const char* name : {"a b", "$(reboot)", "a;b", "--all", "a\nb", "A", "", "a'b"}) {
    for (const char* kind : {"NetworkPolicy", "Service", "CalicoNetworkPolicy", "GlobalNetworkPolicy", "AntreaClusterNetworkPolicy"}) {
      const std::string next = next_of({kind, "x", "shop", name, ""});
      CHECK_MESSAGE((next.empty() || next == "kubectl -n shop get networkpolicy"), next);
      const std::string other = next_of({kind, "x", name, "web", ""});
      const bool global = std::string_view{kind}.starts_with("Global") || std::string_view{kind}.starts_with("Antrea");
      CHECK_MESSAGE((global || other.empty() || other == "kubectl get networkpolicy --all-namespaces"), other);
    }
  }
  CHECK(next_of({"FirewallZone", "firewalld", "", "a b", ""}) == "firewall-cmd --list-all-zones");
  CHECK(next_of({"Firewall", "docker", "", "", ""}).empty());
  CHECK(next_of({}).empty());
}
