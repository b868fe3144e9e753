// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "means_case.hpp"

using namespace synfate::judge::test;
namespace model = synfate::model;

namespace {

Ruled filter(const std::string& text) { return Ruled::iptables("filter", text); }

model::ServicePort service(const char* space, const char* name, model::ServicePort::Kind kind, const char* address, std::uint16_t port) {
  model::ServicePort one;
  one.namespace_name = space;
  one.name = name;
  one.kind = kind;
  one.address = {model::parse_ip(address).value_or(model::IpAddress{}), port};
  return one;
}

const std::string kMarked =
    "-A KUBE-FIREWALL -m comment --comment \"kubernetes firewall for dropping marked packets\" -m mark --mark 0x8000/0x8000 -j DROP";

}  // namespace

TEST_CASE("a service without endpoints, by each of its addresses") {
  Ruled rule = filter(
      "-A KUBE-SERVICES -d 172.30.0.46/32 -p tcp -m comment --comment \"ns6/svc6:p80 has no endpoints\" -m tcp --dport 80 -j REJECT "
      "--reject-with icmp-port-unreachable");
  CHECK(rule.told() == "Service kube-proxy ns6/svc6");
  CHECK(rule.text() == "service ns6/svc6:p80 has no ready endpoint");
  CHECK(rule.next() == "kubectl -n ns6 describe service svc6");

  rule = filter(
      "-A KUBE-EXTERNAL-SERVICES -d 1.2.3.4/32 -p tcp -m comment --comment \"ns6/svc6 has no endpoints\" -m tcp --dport 80 -j REJECT "
      "--reject-with icmp-port-unreachable");
  CHECK(rule.text() == "service ns6/svc6 has no ready endpoint (asked for by its external or load balancer address)");

  rule = filter(
      "-A KUBE-EXTERNAL-SERVICES -p tcp -m comment --comment \"ns6/svc6:p80 has no endpoints\" -m addrtype --dst-type LOCAL -m tcp "
      "--dport 3001 -j REJECT --reject-with icmp-port-unreachable");
  CHECK(rule.text() == "service ns6/svc6:p80 has no ready endpoint (asked for by its NodePort)");
}

TEST_CASE("a service without local endpoints: which traffic policy it was") {
  const std::string rest =
      " -d 172.30.0.42/32 -p tcp -m comment --comment \"ns2/svc2:p80 has no local endpoints\" -m tcp --dport 80 -j DROP";
  CHECK(has(filter("-A KUBE-EXTERNAL-SERVICES" + rest).text(), "on this node, and externalTrafficPolicy is Local"));
  CHECK(has(filter("-A KUBE-SERVICES" + rest).text(), "on this node, and internalTrafficPolicy is Local"));
  CHECK(filter("-A KUBE-NODEPORTS" + rest).told() == "-");
}

TEST_CASE("source ranges of a load balancer") {
  Ruled rule = filter(
      "-A KUBE-PROXY-FIREWALL -d 5.6.7.8/32 -p tcp -m comment --comment \"ns5/svc5:p80 traffic not accepted by KUBE-FW-NUKIZ6OKUXPJNT4C\" "
      "-m tcp --dport 80 -j DROP");
  CHECK(rule.told() == "Service kube-proxy ns5/svc5");
  CHECK(has(rule.text(), "loadBalancerSourceRanges"));
}

TEST_CASE("where the client asked for another service, neither is named") {
  Ruled rule = filter(
      "-A KUBE-SERVICES -d 172.30.0.46/32 -p tcp -m comment --comment \"ns6/svc6:p80 has no endpoints\" -m tcp --dport 80 -j REJECT");
  auto other = service("ns7", "svc7", model::ServicePort::Kind::ClusterIp, "172.30.0.46", 80);
  rule.context.service = &other;
  CHECK(rule.told() == "Service kube-proxy /");
  CHECK(has(rule.text(), "is not determined"));
  CHECK(rule.next().empty());
  auto same = service("ns6", "svc6", model::ServicePort::Kind::ClusterIp, "172.30.0.46", 80);
  rule.context.service = &same;
  CHECK(rule.told() == "Service kube-proxy ns6/svc6");
}

TEST_CASE("rules of kube-proxy that name no service say so") {
  CHECK(filter("-A KUBE-FORWARD -m conntrack --ctstate INVALID -j DROP").told() == "Firewall kube-proxy /");
  CHECK(has(filter("-A KUBE-SOURCE-RANGES-FIREWALL -j DROP").text(), "does not name the service"));
  CHECK(has(filter("-A KUBE-IPVS-FILTER -m conntrack --ctstate NEW -m set --match-set KUBE-IPVS-IPS dst -j REJECT --reject-with "
                   "icmp-port-unreachable")
                .text(),
            "no port of any service"));
}

TEST_CASE("marked for dropping: the service is told only by what was asked for") {
  Ruled rule = filter(kMarked);
  CHECK(rule.told() == "Service kube-proxy /");
  CHECK(has(rule.text(), "this rule tells neither"));
  rule.flow("192.0.2.9", "5.6.7.8", 80);
  auto balancer = service("ns5", "svc5", model::ServicePort::Kind::LoadBalancer, "5.6.7.8", 80);
  rule.context.service = &balancer;
  CHECK(rule.told() == "Service kube-proxy ns5/svc5");
  CHECK(has(rule.text(), "does not tell which"));
  rule.flow("192.0.2.9", "10.180.0.1", 80);
  CHECK(rule.told() == "Service kube-proxy /");
  auto node_port = service("ns2", "svc2", model::ServicePort::Kind::NodePort, "0.0.0.0", 3001);
  rule.context.service = &node_port;
  CHECK(rule.told() == "Service kube-proxy /");
  rule.flow("192.0.2.9", "192.168.0.2", 3001);
  CHECK(rule.told() == "Service kube-proxy ns2/svc2");
  CHECK(has(rule.text(), "has no endpoint on this node"));
  node_port.name = "svc2; reboot";
  CHECK(rule.told() == "Service kube-proxy /");
}

TEST_CASE("the kubelet keeps others out of the loopback") {
  Ruled rule = filter(
      "-A KUBE-FIREWALL ! -s 127.0.0.0/8 -d 127.0.0.0/8 -m comment --comment \"block incoming localnet connections\" -m conntrack ! "
      "--ctstate RELATED,ESTABLISHED,DNAT -j DROP");
  CHECK(rule.told() == "Firewall kubelet /");
  CHECK(rule.next().empty());
}

TEST_CASE("elements of kube-proxy's verdict maps") {
  Ruled rule = Ruled::nft("ip", "kube-proxy", "reject-chain", "reject");
  CHECK(rule.told() == "Service kube-proxy /");
  CHECK(has(rule.text(), "is not known"));
  rule.context.rule.via = "172.30.0.46 . tcp . 80 comment \"ns6/svc6:p80\" : goto reject-chain";
  CHECK(rule.text() == "service ns6/svc6:p80 has no ready endpoint");
  rule.context.rule.via = "172.30.0.46 . tcp . 80 comment \"ns6/svc6:p80\" : drop";
  CHECK(rule.told() == "Service kube-proxy /");

  rule = Ruled::nft("ip", "kube-proxy", "service-endpoints-check", "ip daddr . meta l4proto . th dport vmap @no-endpoint-services");
  rule.context.rule.element = "1.2.3.4 . tcp . 80 comment \"ns2/svc2:p80\" : drop";
  CHECK(has(rule.text(), "service ns2/svc2:p80 has no ready endpoint on this node"));
  for (const char* element : {"", "1.2.3.4 . tcp . 80 : drop", "1.2.3.4 . tcp . 80 comment \"ns2/svc2:p80\" : goto reject-chain",
                              "1.2.3.4 . tcp . 80 comment \"a\" : drop, 1 comment \"ns2/svc2:p80\" : drop",
                              "1.2.3.4 . tcp . 80 comment \"NS2/svc2:p80\" : drop", "1.2.3.4 comment \"x\\\" comment \"ns/b\" : drop"}) {
    rule.context.rule.element = element;
    CHECK_MESSAGE(rule.told() == "Service kube-proxy /", element);
  }

  rule = Ruled::nft("ip", "kube-proxy", "nodeport-endpoints-check",
                    "ip daddr @nodeport-ips meta l4proto . th dport vmap @no-endpoint-nodeports");
  rule.context.rule.element = "192.168.0.2, tcp . 3001 comment \"ns2/svc2:p80\" : drop";
  CHECK(has(rule.text(), "externalTrafficPolicy is Local (asked for by its NodePort)"));
  CHECK(Ruled::nft("ip", "mine", "reject-chain", "reject").told() == "-");
  CHECK(Ruled::nft("inet", "kube-proxy", "reject-chain", "reject").told() == "-");
}

TEST_CASE("other chains of kube-proxy with nftables") {
  Ruled rule = Ruled::nft("ip", "kube-proxy", "firewall-HVFWP5L3-ns5/svc5/tcp/p80", "ip saddr != { 203.0.113.0/25, 10.0.0.0/8 } drop");
  CHECK(rule.told() == "Service kube-proxy ns5/svc5");
  CHECK(Ruled::nft("ip6", "kube-proxy", "firewall-HVFWP5L3-ns5/svc5/tcp/", "ip6 saddr != { fd00::/64 } drop").told() ==
        "Service kube-proxy ns5/svc5");
  for (const char* chain : {"firewall-HVFWP5L3-ns5/sv...", "firewall-hvfwp5l3-ns5/svc5/tcp/p80", "firewall-ns5/svc5/tcp/p80",
                            "firewall-HVFWP5L3-ns5/svc5;x/tcp/p80", "endpoint-HVFWP5L3-ns5/svc5/tcp/p80"}) {
    CHECK_MESSAGE(Ruled::nft("ip", "kube-proxy", chain, "ip saddr != { 203.0.113.0/25 } drop").told() == "-", chain);
  }
  CHECK(has(Ruled::nft("ip", "kube-proxy", "cluster-ips-check",
                       "ip daddr @cluster-ips reject comment \"Reject traffic to invalid ports of ClusterIPs\"",
                       "Reject traffic to invalid ports of ClusterIPs")
                .text(),
            "the port is none of that service's"));
  CHECK(has(
      Ruled::nft("ip", "kube-proxy", "cluster-ips-check", "ip daddr 172.30.0.0/16 drop", "Drop traffic to unallocated ClusterIPs").text(),
      "no service has it"));
  CHECK(Ruled::nft("ip", "kube-proxy", "cluster-ips-check", "ip daddr 172.30.0.0/16 drop", "mine").told() == "-");
}
