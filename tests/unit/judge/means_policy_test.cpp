// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "means_case.hpp"

using namespace synfate::judge::test;
namespace model = synfate::model;

namespace {

Ruled filter(const std::string& text) { return Ruled::iptables("filter", text); }

const std::string kFirewall = "-A KUBE-POD-FW-4BDGZEWEU32YM75H ";
const std::string kReject =
    kFirewall +
    "-m comment --comment \"rule to REJECT traffic destined for POD name:otel-0 namespace: observability\" -m mark ! "
    "--mark 0x10000/0x10000 -j REJECT --reject-with icmp-port-unreachable";

std::string jump(const std::string& match, const std::string& comment, const std::string& chain = "KUBE-NWPLCY-KJ44RUYO6QOPC6DH") {
  return kFirewall + match + "-m comment --comment \"" + comment + "\" -j " + chain;
}

/// A pod firewall as kube-router writes it, with those jumps to policies.
std::vector<std::string> firewall(std::vector<std::string> jumps) {
  std::vector<std::string> chain{
      kFirewall + "-m comment --comment \"rule for stateful firewall for pod\" -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
      kFirewall +
          "-d 10.42.0.9/32 -m comment --comment \"rule to permit the traffic traffic to pods when source is the pod\\'s local node\" -m "
          "addrtype --src-type LOCAL -j ACCEPT"};
  chain.insert(chain.end(), jumps.begin(), jumps.end());
  chain.push_back(kReject);
  return chain;
}

const std::string kTier = "-A cali-tw-cali95aa86cbb2a -m comment --comment \"cali:FUDVBYh1Yr6tVRgq\" ";

}  // namespace

TEST_CASE("kube-router: the only policy on the pod is named") {
  Ruled rule = filter(kReject).in(firewall({jump("", "run through nw policy default-deny")}));
  auto server = pod("observability", "otel-0");
  rule.context.destination_pod = &server;
  CHECK(rule.told() == "NetworkPolicy kube-router observability/default-deny");
  CHECK(rule.text() == "no policy on pod observability/otel-0 admits this source; on the pod: default-deny");
  CHECK(rule.next() == "kubectl -n observability describe networkpolicy default-deny");
}

TEST_CASE("kube-router: of several policies none is named, and all are candidates") {
  Ruled rule =
      filter(kReject).in(firewall({jump("-d 10.42.0.9/32 ", "run through nw policy a"), jump("-d 10.42.0.9/32 ", "observability/b policy"),
                                   jump("-s 10.42.0.9/32 ", "run through nw policy out")}));
  rule.flow("10.42.0.17", "10.42.0.9");
  CHECK(rule.told() == "NetworkPolicy kube-router observability/");
  CHECK(rule.text() == "no policy on pod observability/otel-0 admits this source; on the pod: a, b");
  CHECK(rule.next() == "kubectl -n observability get networkpolicy");
  rule.flow("10.42.0.9", "192.0.2.1");
  CHECK(rule.text() == "no policy on pod observability/otel-0 admits this destination; on the pod: out");
  CHECK(rule.told() == "NetworkPolicy kube-router observability/out");
}

TEST_CASE("kube-router: a policy that its comment does not name keeps the others from being the only one") {
  for (const char* comment : {"other/b policy", "observability/a-name-that-was-clam", "run through nw policy B; reboot", "x"}) {
    Ruled rule = filter(kReject).in(firewall({jump("", "run through nw policy a"), jump("", comment)}));
    CHECK_MESSAGE(rule.told() == "NetworkPolicy kube-router observability/", comment);
    CHECK(has(rule.text(), "on the pod: a and policies whose names the rules do not tell"));
  }
}

TEST_CASE("kube-router: no policy, and none that was read") {
  Ruled rule =
      filter(kReject).in(firewall({jump("-d 10.42.0.9/32 ", "run through default ingress network policy  chain", "KUBE-NWPLCY-DEFAULT")}));
  CHECK(has(rule.text(), "its firewall runs through none for that direction, so it is denied by default"));
  CHECK(has(filter(kReject).text(), "; which policies are on the pod was not read"));
  // The chain was rewritten since.
  std::vector<std::string> later = firewall({jump("", "run through nw policy a")});
  later.pop_back();
  CHECK(has(filter(kReject).in(later).text(), "was not read"));
}

TEST_CASE("kube-router: a pod that is at neither end is not named") {
  Ruled rule = filter(kReject).in(firewall({jump("", "run through nw policy a")}));
  auto one = pod("shop", "web");
  auto other = pod("shop", "db");
  rule.context.source_pod = &one;
  CHECK(rule.told() == "NetworkPolicy kube-router observability/a");
  rule.context.destination_pod = &other;
  CHECK(rule.told() == "NetworkPolicy kube-router /");
  CHECK(has(rule.text(), "is not determined"));
  CHECK(rule.next() == "kubectl get networkpolicy --all-namespaces");
}

TEST_CASE("kube-router: the newer dialect, the oldest, and nftables") {
  const std::string reject = kFirewall + "-m comment --comment \"observability/otel-0 reject\" -m mark ! --mark 0x10000/0x10000 -j REJECT";
  CHECK(filter(reject).in({jump("", "observability/deny policy"), reject}).told() == "NetworkPolicy kube-router observability/deny");
  CHECK(filter(kFirewall +
               "-m comment --comment \"default rule to REJECT traffic destined for POD name:otel-0 namespace: observability\" -j "
               "REJECT --reject-with icmp-port-unreachable")
            .told() == "NetworkPolicy kube-router observability/");
  const std::string text =
      "meta mark & 0x00010000 != 0x00010000 counter packets 3 bytes 180 reject comment \"observability/otel-0 reject\"";
  Ruled rule = Ruled::nft("ip", "kube-router-filter-ipv4", "KUBE-POD-FW-4BDGZEWEU32YM75H", text, "observability/otel-0 reject");
  rule.in({"ip daddr 10.42.0.9 counter packets 3 bytes 180 jump KUBE-NWPLCY-KJ44RUYO6QOPC6DH comment \"observability/deny policy\"",
           "ip saddr 10.42.0.9 counter packets 0 bytes 0 jump KUBE-NWPLCY-AJ44RUYO6QOPC6DH comment \"observability/out policy\"",
           "meta mark & 0x00010000 != 0x00010000 counter packets 4 bytes 240 reject comment \"observability/otel-0 reject\""});
  rule.flow("10.42.0.17", "10.42.0.9");
  CHECK(rule.told() == "NetworkPolicy kube-router observability/deny");
  rule.context.chain_comment = "podfw observability/otel-0";
  CHECK(rule.told() == "NetworkPolicy kube-router observability/deny");
  rule.context.chain_comment = "podfw observability/otel-1";
  CHECK(rule.told() == "NetworkPolicy kube-router /");
}

TEST_CASE("kube-router: what is no policy's doing") {
  CHECK(filter(kFirewall + "-m comment --comment \"rule to drop invalid state for pod\" -m conntrack --ctstate INVALID -j DROP").told() ==
        "Firewall kube-router /");
  CHECK(has(filter("-A KUBE-NWPLCY-TAIL -d 10.42.0.0/24 -m comment --comment \"reject unprogrammed local pod (default-deny)\" -m set ! "
                   "--match-set kube-router-local-pods dst -j REJECT --reject-with icmp-port-unreachable")
                .text(),
            "not programmed this pod's policies yet"));
  CHECK(has(filter("-A KUBE-NWPLCY-TAIL -d 10.42.0.0/24 -m comment --comment \"reject pre-netpol (default-deny)\" -j REJECT").text(),
            "no policy is named"));
  CHECK(filter("-A KUBE-NWPLCY-TAIL -d 10.42.0.0/24 -j REJECT").told() == "-");
}

TEST_CASE("Calico: the end of a tier names no policy") {
  const std::string drop =
      kTier + "-m comment --comment \"End of tier default. Drop if no policies passed packet\" -m mark --mark 0x0/0x20000 -j DROP";
  Ruled rule = filter(drop);
  CHECK(rule.told() == "NetworkPolicy calico /");
  CHECK(rule.text() == "policies select the workload, and none of them admits this source; which policies were asked was not read");
  rule.in(
      {"-A cali-tw-cali95aa86cbb2a -m comment --comment \"cali:aaaaaaaaaaaaaaaa\" -m comment --comment \"Start of tier security\" -j MARK "
       "--set-xmark 0x0/0x20000",
       "-A cali-tw-cali95aa86cbb2a -m comment --comment \"cali:bbbbbbbbbbbbbbbb\" -m mark --mark 0x0/0x20000 -j cali-pi-_earlier",
       "-A cali-tw-cali95aa86cbb2a -m comment --comment \"cali:cccccccccccccccc\" -m comment --comment \"Start of tier default\" -j MARK "
       "--set-xmark 0x0/0x20000",
       "-A cali-tw-cali95aa86cbb2a -m comment --comment \"cali:dddddddddddddddd\" -m mark --mark 0x0/0x20000 -j "
       "cali-pi-_tTE-E7yY40ogArNVgKt",
       drop});
  auto server = pod("shop", "web");
  server.host_device = "cali95aa86cbb2a";
  rule.context.destination_pod = &server;
  CHECK(rule.told() == "NetworkPolicy calico shop/");
  CHECK(rule.text() ==
        "policies select pod shop/web, and none of them admits this source; the policies that were asked are behind "
        "cali-pi-_tTE-E7yY40ogArNVgKt");
  CHECK(rule.next() == "kubectl -n shop get networkpolicy");
  server.host_device = "califfffffffffff";
  CHECK(rule.told() == "NetworkPolicy calico /");

  CHECK(filter(kTier + "-m comment --comment \"Drop if no policies passed packet\" -m mark --mark 0x0/0x20000 -j DROP").told() ==
        "NetworkPolicy calico /");
  CHECK(has(filter("-A cali-fw-cali0 -m comment --comment \"cali:FUDVBYh1Yr6tVRgq\" -m comment --comment \"Reject if no profiles matched\" "
                   "-j REJECT")
                .text(),
            "none of its profiles admits this destination"));
  CHECK(filter(kTier + "-m conntrack --ctstate INVALID -j DROP").told() == "Firewall calico /");
  CHECK(has(filter(kTier + "-m comment --comment \"Endpoint admin disabled\" -j DROP").text(), "switched off"));
  CHECK(Ruled::nft("ip", "calico", "filter-cali-tw-cali95aa86cbb2a", "meta mark & 0x00020000 == 0x00000000 counter packets 1 bytes 60 drop",
                   "cali:FUDVBYh1Yr6tVRgq; End of tier default. Drop if no policies passed packet")
            .told() == "NetworkPolicy calico /");
}

TEST_CASE("Calico: the policies of a tier are named where their chains' first rules were read") {
  const std::string drop =
      kTier + "-m comment --comment \"End of tier default. Drop if no policies passed packet\" -m mark --mark 0x0/0x20000 -j DROP";
  const auto jump = [](const std::string& from, const std::string& to) {
    return "-A " + from + " -m comment --comment \"cali:dddddddddddddddd\" -m mark --mark 0x0/0x20000 -j " + to;
  };
  const auto first = [](const std::string& chain, const std::string& words) {
    return "-A " + chain + " -m comment --comment \"cali:eeeeeeeeeeeeeeee\" -m comment --comment \"" + words +
           "\" -m set --match-set cali40s:x src -j MARK --set-xmark 0x10000/0x10000";
  };
  const std::string own = "cali-tw-cali95aa86cbb2a";
  Ruled rule = filter(drop);
  const std::string asked = "policies select the workload, and none of them admits this source; the policies that were asked are ";
  rule.in({jump(own, "cali-pi-_a"), jump(own, "cali-gi-g"), drop, first("cali-pi-_a", "Policy shop/knp.default.allow-web ingress"),
           jump("cali-gi-g", "cali-pi-_b"), jump("cali-gi-g", "cali-pi-_c"), first("cali-pi-_b", "GlobalNetworkPolicy baseline ingress"),
           first("cali-pi-_c", "NetworkPolicy shop/strict ingress")});
  CHECK(rule.text() == asked + "NetworkPolicy shop/allow-web, GlobalNetworkPolicy baseline, CalicoNetworkPolicy shop/strict");
  CHECK(rule.told() == "NetworkPolicy calico /");
  // A name that Kubernetes could not have made, a first rule with two comments, a chain that was not read.
  rule.in({jump(own, "cali-pi-_a"), jump(own, "cali-pi-_b"), jump(own, "cali-pi-_c"), jump(own, "cali-gi-g"), drop,
           first("cali-pi-_a", "NetworkPolicy shop/allow-web ingress"), first("cali-pi-_b", "NetworkPolicy Shop/x ingress"),
           first("cali-pi-_c", "x\" -m comment --comment \"NetworkPolicy bank/vault ingress")});
  CHECK(rule.text() == asked + "CalicoNetworkPolicy shop/allow-web, and behind cali-pi-_b, cali-pi-_c, cali-gi-g");
}

TEST_CASE("Calico: a policy's own denial is named by the first rule of its chain") {
  const std::string first = "-A cali-pi-_x -m comment --comment \"cali:aaaaaaaaaaaaaaaa\" -m comment --comment ";
  const std::string deny = "-A cali-pi-_x -m comment --comment \"cali:bbbbbbbbbbbbbbbb\" -s 10.0.0.0/8 -j DROP";
  struct {
    const char* comment;
    const char* told;
    const char* next;
  } const kCases[] = {
      {"Policy shop/knp.default.deny ingress", "NetworkPolicy calico shop/deny", "kubectl -n shop describe networkpolicy deny"},
      {"KubernetesNetworkPolicy shop/deny ingress", "NetworkPolicy calico shop/deny", "kubectl -n shop describe networkpolicy deny"},
      {"NetworkPolicy shop/deny egress", "CalicoNetworkPolicy calico shop/deny",
       "calicoctl get networkpolicy --namespace=shop deny -o yaml"},
      {"Policy shop/default.deny ingress", "CalicoNetworkPolicy calico shop/default.deny",
       "calicoctl get networkpolicy --namespace=shop default.deny -o yaml"},
      {"GlobalNetworkPolicy deny ingress", "GlobalNetworkPolicy calico /deny", "calicoctl get globalnetworkpolicy deny -o yaml"},
      {"Policy kanp.adminnetworkpolicy.deny ingress", "AdminNetworkPolicy calico /deny", ""},
      {"Policy shop/a;reboot ingress", "NetworkPolicy calico /", "kubectl get networkpolicy --all-namespaces"},
      {"note=NetworkPolicy shop/deny ingress", "NetworkPolicy calico /", "kubectl get networkpolicy --all-namespaces"},
  };
  for (const auto& each : kCases) {
    Ruled rule = filter(deny).in({first + "\"" + each.comment + "\" -s 10.1.0.0/16 -j RETURN", deny});
    CHECK(rule.told() == each.told);
    CHECK(rule.next() == each.next);
  }
  CHECK(filter(deny).told() == "NetworkPolicy calico /");
  // An annotation beside the name could imitate one.
  CHECK(filter(deny)
            .in({first + "\"NetworkPolicy shop/fake ingress\" -m comment --comment \"NetworkPolicy shop/deny ingress\" -j RETURN", deny})
            .told() == "NetworkPolicy calico /");
  CHECK(filter(deny).in({first + "\"a=b\" -m comment --comment \"NetworkPolicy shop/deny ingress\" -j RETURN", deny}).told() ==
        "NetworkPolicy calico /");
  CHECK(Ruled::nft("ip", "calico", "filter-cali-po-_x", "drop comment \"cali:bbbbbbbbbbbbbbbb;\"", "cali:bbbbbbbbbbbbbbbb;")
            .in({"return comment \"cali:aaaaaaaaaaaaaaaa; NetworkPolicy shop/deny egress\"", "drop comment \"cali:bbbbbbbbbbbbbbbb;\""})
            .told() == "CalicoNetworkPolicy calico shop/deny");
  CHECK(filter(
            "-A cali-pri-kns.shop -m comment --comment \"cali:bbbbbbbbbbbbbbbb\" -m comment --comment \"Profile kns.shop ingress\" -j DROP")
            .told() == "Profile calico /kns.shop");
}

TEST_CASE("kindnetd and kube-network-policies are told by their queue and name") {
  Ruled rule;
  rule.context.queue_owner = "kindnetd";
  rule.context.queue_number = 101;
  CHECK(rule.told() == "NetworkPolicy kindnetd /");
  CHECK(has(rule.text(), "is not in the kernel"));
  rule.context.queue_number = 103;
  CHECK(rule.told() == "-");
  rule.context.rule = Ruled::nft("inet", "kindnet-network-policies", "postrouting", "queue flags bypass to 103").context.rule;
  CHECK(rule.told() == "NetworkPolicy kindnetd /");
  rule.context.queue_number = 101;
  rule.context.rule.table = "mine";
  CHECK(rule.told() == "-");
  rule = {};
  rule.context.queue_owner = "kube-network-po";
  rule.context.queue_number = 100;
  CHECK(rule.told() == "NetworkPolicy kube-network-policies /");
  rule.context.queue_owner = "suricata";
  CHECK(rule.told() == "-");
}

TEST_CASE("Weave's rules name no policy") {
  const std::string drop = "-A FORWARD -o weave -j DROP";
  CHECK(filter(drop).told() == "-");
  CHECK(filter(drop)
            .in({"-A FORWARD -o weave -m comment --comment \"NOTE: this must go before \\'-j KUBE-FORWARD\\'\" -j WEAVE-NPC",
                 "-A FORWARD -o weave -m state --state NEW -j NFLOG --nflog-group 86", drop})
            .told() == "NetworkPolicy weave /");
  CHECK(filter("-A WEAVE-NPC-EGRESS -m mark ! --mark 0x40000/0x40000 -j DROP").told() == "NetworkPolicy weave /");
  CHECK(filter("-A WEAVE-NPC-EGRESS -j DROP").told() == "-");
}

TEST_CASE("Azure NPM: a mark names a policy only where one alone could have set it") {
  const std::string drop =
      "-A AZURE-NPM-INGRESS -m mark --mark 0x400/0x400 -m comment --comment \"DROP-ON-INGRESS-DROP-MARK-0x400/0x400\" -j DROP";
  const std::string base =
      "-A AZURE-NPM-INGRESS -m set --match-set azure-npm-1 dst -m comment --comment \"INGRESS-POLICY-x/base-TO-podlabel-k:a-IN-ns-x\" -j "
      "AZURE-NPM-INGRESS-2737";
  const std::string more =
      "-A AZURE-NPM-INGRESS -m set --match-set azure-npm-2 dst -m comment --comment \"INGRESS-POLICY-y/more-TO-all-IN-ns-y\" -j "
      "AZURE-NPM-INGRESS-11";
  CHECK(filter(drop).told() == "NetworkPolicy azure-npm /");
  CHECK(filter(drop).in({base, drop}).told() == "NetworkPolicy azure-npm x/base");
  CHECK(filter(drop).in({base, drop}).next() == "kubectl -n x describe networkpolicy base");
  CHECK(filter(drop).in({base, more, drop}).told() == "NetworkPolicy azure-npm /");
  const std::string clash = "-A AZURE-NPM-INGRESS -m mark --mark 0x4000 -m comment --comment DROP-ON-INGRESS-DROP-MARK-0x4000 -j DROP";
  CHECK(filter(clash).in({base, clash}).told() == "NetworkPolicy azure-npm /");
  CHECK(has(filter(clash).in({base, clash}).text(), "kube-proxy's mark"));
  CHECK(filter("-A AZURE-NPM-INGRESS-DROPS -m set --match-set azure-npm-3 dst -m comment --comment "
               "DROP-ALL-TO-app:frontend-IN-ns-testnamespace -j DROP")
            .told() == "NetworkPolicy azure-npm testnamespace/");
  CHECK(filter("-A AZURE-NPM-INGRESS -j DROP").told() == "-");
}

TEST_CASE("Antrea's policies for nodes") {
  const std::string head = "-A ANTREA-POL-INGRESS-RULES -s 10.0.0.1/32 -m comment --comment ";
  CHECK(filter(head + "\"Antrea: for rule r1, policy AntreaClusterNetworkPolicy:deny\" -j DROP").told() ==
        "AntreaClusterNetworkPolicy antrea /deny");
  CHECK(filter(head + "\"Antrea: for rule a, policy AntreaClusterNetworkPolicy:fake, policy AntreaClusterNetworkPolicy:deny\" -j REJECT")
            .told() == "AntreaClusterNetworkPolicy antrea /deny");
  CHECK(filter(head + "\"Antrea: for rule r1, policy AntreaClusterNetworkPolicy:a$(b)\" -j DROP").told() ==
        "AntreaClusterNetworkPolicy antrea /");
  CHECK(filter("-A ANTREA-POL-0123456789ABCDEF -p tcp -m tcp --dport 80 -j DROP").told() == "AntreaClusterNetworkPolicy antrea /");
  CHECK(filter("-A ANTREA-POL-MINE -p tcp -m tcp --dport 80 -j DROP").told() == "-");
  CHECK(filter(head + "\"mock rule\" -j DROP").told() == "-");
}
