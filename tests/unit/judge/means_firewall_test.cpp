// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "means_case.hpp"

using namespace synfate::judge::test;

namespace {

Ruled filter(const std::string& text) { return Ruled::iptables("filter", text); }
Ruled raw(const std::string& text) { return Ruled::iptables("raw", text); }

}  // namespace

TEST_CASE("Docker before 28") {
  CHECK(has(filter("-A DOCKER-ISOLATION-STAGE-2 -o br-0123456789ab -j DROP").text(), "keeps its networks apart"));
  CHECK(has(filter("-A DOCKER-ISOLATION-STAGE-1 ! -s 172.19.0.0/16 -o br-0123456789ab -j DROP").text(), "is internal"));
  CHECK(filter("-A DOCKER-ISOLATION-STAGE-2 -s 10.0.0.0/8 -j DROP").told() == "-");
  const std::string icc = "-A FORWARD -i docker0 -o docker0 -j DROP";
  CHECK(filter(icc).told() == "-");
  CHECK(has(filter(icc).in({"-A FORWARD -o docker0 -j DOCKER", icc}).text(), "inter-container communication is off"));
  Ruled policy = Ruled::policy("FORWARD");
  CHECK(policy.told() == "-");
  policy.in({"-A FORWARD -j DOCKER-USER", "-A FORWARD -j DOCKER-ISOLATION-STAGE-1", "-A FORWARD -o docker0 -j DOCKER"});
  CHECK(policy.told() == "Firewall docker /");
  CHECK(has(policy.text(), "does not tell who set it"));
  policy.in({"-A FORWARD -j DOCKER-USER", "-A FORWARD -j DOCKER-FORWARD", "-A FORWARD -j ufw-before-forward",
             "-A FORWARD -j ufw-reject-forward"});
  CHECK(policy.told() == "-");
}

TEST_CASE("Docker since 28") {
  CHECK(has(filter("-A DOCKER ! -i docker0 -o docker0 -j DROP").text(), "port is not published"));
  CHECK(filter("-A DOCKER ! -i docker0 -o docker1 -j DROP").told() == "-");
  CHECK(has(filter("-A DOCKER-FORWARD -i docker0 -o docker0 -j DROP").text(), "inter-container"));
  CHECK(has(filter("-A DOCKER-INTERNAL ! -d 172.19.0.0/16 -i br-0123456789ab -j DROP").text(), "is internal"));
  CHECK(filter("-A DOCKER-USER -i eth0 -j DROP").told() == "-");
  const std::string direct = "-A PREROUTING -d 172.17.0.2/32 ! -i docker0 -j DROP";
  const std::string loopback = "-A PREROUTING -d 127.0.0.1/32 ! -i lo -p tcp -m tcp --dport 8080 -j DROP";
  CHECK(has(raw(direct).text(), "own address may be reached from its bridge docker0 only"));
  CHECK(raw("-A PREROUTING -d 172.17.0.2/32 ! -i br-mine -j DROP").told() == "-");
  CHECK(raw("-A PREROUTING -d 172.17.0.0/24 ! -i docker0 -j DROP").told() == "-");
  CHECK(filter(direct).told() == "-");
  CHECK(raw(loopback).told() == "-");
  CHECK(has(raw(loopback).in({direct, loopback}).text(), "published on 127.0.0.1 only"));
}

TEST_CASE("Docker with nftables") {
  CHECK(has(
      Ruled::nft("ip", "docker-bridges", "filter-forward-in__br-0123456789ab", "counter packets 0 bytes 0 drop", "UNPUBLISHED PORT DROP")
          .text(),
      "bridge br-0123456789ab may not be entered"));
  CHECK(has(
      Ruled::nft("ip", "docker-bridges", "filter-forward-in__docker0", "iifname \"docker0\" counter packets 0 bytes 0 drop", "ICC").text(),
      "inter-container"));
  CHECK(has(
      Ruled::nft("ip", "docker-bridges", "filter-forward-out__docker0", "ip daddr != 172.17.0.0/16 drop", "INTERNAL NETWORK EGRESS").text(),
      "is internal"));
  CHECK(Ruled::nft("ip", "docker-bridges", "filter-forward-in__docker0", "drop").told() == "-");
  CHECK(Ruled::nft("ip", "mine", "filter-forward-in__docker0", "drop", "UNPUBLISHED PORT DROP").told() == "-");
}

TEST_CASE("firewalld names its zone") {
  Ruled rule = Ruled::nft("inet", "firewalld", "filter_IN_public", "reject with icmpx admin-prohibited");
  CHECK(rule.told() == "FirewallZone firewalld /public");
  CHECK(rule.text() == "zone public allows neither this service nor this port: its target decides");
  CHECK(rule.next() == "firewall-cmd --info-zone=public");
  rule = Ruled::nft("inet", "firewalld", "filter_FWD_public_deny", "ip saddr 10.0.0.1 drop");
  CHECK(rule.text() == "a rule of a zone denies it");
  CHECK(rule.next() == "firewall-cmd --list-all-zones");
  CHECK(rule.in({"ip saddr 10.0.0.1 drop"}).text() == "a rule of zone public denies it");
  // A zone that is called like that.
  CHECK(rule.in({"jump filter_FWD_public_deny_deny", "ip saddr 10.0.0.1 drop"}).told() == "FirewallZone firewalld /public_deny");
  CHECK(Ruled::nft("inet", "firewalld", "filter_IN_policy_allow-host-ipv6", "drop").next() == "firewall-cmd --info-policy=allow-host-ipv6");
  CHECK(has(Ruled::nft("inet", "firewalld", "filter_FORWARD", "ct state invalid drop").text(), "invalid"));
  CHECK(has(Ruled::nft("inet", "firewalld", "filter_FORWARD", "reject with icmpx admin-prohibited").text(), "no zone or policy"));
  CHECK(Ruled::nft("inet", "firewalld", "filter_FORWARD", "ip saddr 10.0.0.1 drop").told() == "-");
  CHECK(Ruled::nft("inet", "mine", "filter_IN_public", "drop").told() == "-");
  Ruled panic = Ruled::nft("inet", "firewalld_policy_drop", "filter_input", "");
  panic.context.rule.policy = true;
  CHECK(has(panic.text(), "panic mode"));
}

TEST_CASE("firewalld with iptables is told by its jumps") {
  const std::string end = "-A INPUT -j REJECT --reject-with icmp-host-prohibited";
  CHECK(filter(end).told() == "-");
  CHECK(filter(end).in({"-A INPUT -j INPUT_ZONES", end}).told() == "Firewall firewalld /");
  const std::string drop = "-A IN_block -j REJECT --reject-with icmp-host-prohibited";
  CHECK(filter(drop).told() == "-");
  CHECK(filter(drop).in({"-A IN_block -j IN_block_deny", "-A IN_block -j IN_block_allow", drop}).told() == "FirewallZone firewalld /block");
}

TEST_CASE("ufw") {
  CHECK(filter("-A ufw-user-input -p tcp -m tcp --dport 22 -j DROP").text() == "a rule that was given to ufw denies this incoming traffic");
  CHECK(filter("-A ufw6-user-forward -p tcp -m tcp --dport 22 -j REJECT --reject-with tcp-reset").text() ==
        "a rule that was given to ufw denies this routed traffic");
  CHECK(filter("-A ufw-user-input -j ACCEPT").told() == "-");
  CHECK(has(filter("-A ufw-user-limit -j REJECT --reject-with icmp-port-unreachable").text(), "too often"));
  CHECK(has(filter("-A ufw-before-input -m conntrack --ctstate INVALID -j DROP").text(), "invalid"));
  CHECK(has(filter("-A ufw-skip-to-policy-input -j DROP").text(), "ufw's default for incoming traffic"));
  CHECK(filter("-A ufw-mine -j DROP").told() == "-");
  CHECK(filter("-A ufw-user-input -j DROP").next() == "ufw status verbose");
  Ruled policy = Ruled::policy("INPUT");
  CHECK(policy.told() == "-");
  policy.in({"-A INPUT -j ufw-before-logging-input", "-A INPUT -j ufw-before-input", "-A INPUT -j ufw-reject-input"});
  CHECK(policy.text() == "ufw's default for incoming traffic: none of its rules allows this");
}

TEST_CASE("Istio drops only what it was asked to, or what it cannot redirect") {
  CHECK(has(Ruled::iptables("mangle", "-A ISTIO_DROP -j DROP").text(), "invalid"));
  CHECK(has(Ruled::iptables("nat", "-A ISTIO_REDIRECT -p tcp -j REDIRECT --to-ports 15001").text(), "redirecting itself failed"));
  CHECK(Ruled::iptables("nat", "-A ISTIO_REDIRECT -p tcp -j REDIRECT --to-ports 22").told() == "-");
  CHECK(filter("-A ISTIO_DROP -j DROP").told() == "-");
  CHECK(filter("-A ISTIO_INBOUND -p tcp -j DROP").told() == "-");
  CHECK(
      Ruled::nft("inet", "istio-proxy-nat", "istio-in-redirect", "meta l4proto tcp counter packets 1 bytes 60 redirect to :15006").told() ==
      "Sidecar istio /");
}
