// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <doctest/doctest.h>

#include "dumps.hpp"
#include "inventory/service_parts.hpp"
#include "inventory/sha256.hpp"
#include "service_tables.hpp"

using namespace synfate;
using namespace synfate::inventory;
using test::described;
using test::gaps_with;

namespace {

/// The goal is 100 ms, optimised and on a quiet machine; this only catches what is out of all proportion.
constexpr DurationNs kMaxTime = 30 * kSecond;

std::string hex(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string digits;
  for (const std::uint8_t byte : sha256(text)) {
    digits += kDigits[byte >> 4U];
    digits += kDigits[byte & 15U];
  }
  return digits;
}

std::string service_chain(const std::string& name) { return "KUBE-SVC-" + sha256_base32(name + "tcp", 16); }

ServiceTable nat(const std::string& rules) {
  return parse_iptables_services("*nat\n:KUBE-SERVICES - [0:0]\n:KUBE-NODEPORTS - [0:0]\n" + rules + "COMMIT\n", "", "iptables-nft");
}

std::string jump(const std::string& comment, const std::string& address, const std::string& chain) {
  return "-A KUBE-SERVICES -d " + address + "/32 -p tcp -m comment --comment \"" + comment + "\" -m tcp --dport 80 -j " + chain + "\n";
}

}  // namespace

TEST_CASE("SHA-256 gives the examples of FIPS 180-4 and the known answers at each length of its padding") {
  CHECK(hex("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(hex("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(hex("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq") ==
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  CHECK(hex(std::string(1'000'000, 'a')) == "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
  CHECK(hex(std::string(55, 'a')) == "9f4390f8d30c2dd92ec9f095b65e2b9ae9b0a925a5258e241c9f1e910f734318");
  CHECK(hex(std::string(56, 'a')) == "b35439a4ac6f0948b6d6f9e3c6af0f5f590ce20f1bde7090ef7970686ec6738a");
  CHECK(hex(std::string(64, 'a')) == "ffe054fe7ae0cb6dc65c3af9b61d5209f439851db43d0ba5997337df154668eb");
  CHECK(sha256_base32("default/kubernetes:httpstcp", 16) == "NPX46M4PTMTKRN6Y");
  CHECK(sha256_base32("ns1/svc1:p80tcp10.180.0.1:80", 16) == "SXIVWICOYRO3J4NJ");
  CHECK(sha256_base32("ns1/svc1/tcp/p80", 8) == "ULMVA6XW");
  CHECK(sha256_base32("x", 1000).size() == 51);
}

TEST_CASE("every dialect of kube-proxy, as either backend prints it") {
  const std::set<std::string> common{
      "default/kubernetes:https cluster 10.96.0.1:443 > 172.18.0.2:6443",
      "kube-system/kube-dns:dns-tcp cluster 10.96.0.10:53 > 10.244.0.2:53 10.244.0.3:53",
      "shop/web:http cluster 10.96.7.8:80 > 10.244.0.5:8080 10.244.1.6:8080",
      "shop/web:http external 192.0.2.33:80 > 10.244.0.5:8080 10.244.1.6:8080",
      "shop/web:http loadbalancer 198.51.100.7:80 > 10.244.0.5:8080 10.244.1.6:8080",
      "shop/web:http node 0.0.0.0:30080 > 10.244.0.5:8080 10.244.1.6:8080",
      "shop/near:http cluster 10.96.7.9:80 > 10.244.1.7:8080",
      "shop/near:http loadbalancer 198.51.100.8:80 > 10.244.1.7:8080",
      "shop/near:http node 0.0.0.0:30081 > 10.244.1.7:8080",
      "shop/bare cluster 10.96.7.10:5000 > 10.244.0.9:5000",
      "shop/empty:http cluster 10.96.7.11:80 >",
      "shop/empty:http node 0.0.0.0:30082 >",
      "? cluster 10.96.7.12:80 > 10.244.0.12:80",
  };
  for (const char* backend : {"legacy", "nft"}) {
    for (const char* dialect : {"new", "large", "old"}) {
      INFO(dialect << " " << backend);
      const std::string text = test::service_fixture(std::string{dialect} + "-" + backend + ".save");
      const ServiceTable table = parse_iptables_services(text, text, std::string{"iptables-"} + backend);
      CHECK(described(table) == common);
      INFO(test::gaps_of(table));
      // The forged comment, and the port that lost its name by it; nothing else is unclear.
      CHECK(table.gaps.size() == 2);
      CHECK(gaps_with(table, kServicesContradict) == 1);
      CHECK(gaps_with(table, kServicesUnnamed) == 1);
      const auto* web = test::find(table, "10.96.7.8", 80);
      REQUIRE(web != nullptr);
      CHECK(web->source == std::string{"iptables-"} + backend + ", table nat, " + service_chain("shop/web:http"));
      const auto* empty = test::find(table, "10.96.7.11", 80);
      REQUIRE(empty != nullptr);
      CHECK(empty->source.find("KUBE-SERVICES: has no endpoints, by its comment alone") != std::string::npos);
      const auto* near = test::find(table, "198.51.100.8", 80);
      REQUIRE(near != nullptr);
      CHECK((near->source.find("has no local endpoints") != std::string::npos) == (std::string{dialect} != "old"));
    }
  }
}

TEST_CASE("IPv6 as either backend prints it") {
  for (const char* backend : {"legacy", "nft"}) {
    const std::string text = test::service_fixture(std::string{"ip6-"} + backend + ".save");
    const ServiceTable table = parse_iptables_services(text, text, std::string{"ip6tables-"} + backend);
    CHECK(described(table) == std::set<std::string>{
                                  "shop/web:http cluster [fd00:10:96::7:8]:80 > [fd00:10:244::5]:8080 [fd00:10:244:1::6]:8080",
                                  "shop/web:http node [::]:30080 > [fd00:10:244::5]:8080 [fd00:10:244:1::6]:8080",
                                  "shop/empty:http cluster [fd00:10:96::7:11]:80 >",
                              });
    CHECK(test::gaps_of(table) == "");
  }
}

TEST_CASE("kube-proxy's own golden rules") {
  for (const auto& each : test::dumps("kube-proxy-golden-restorable")) {
    const auto& name = each.first;
    const auto& text = each.second;
    INFO(name);
    const ServiceTable table = parse_iptables_services(text, text, "iptables-nft");
    CHECK(described(table) == std::set<std::string>{
                                  "ns1/svc1:p80 cluster 172.30.0.41:80 > 10.180.0.1:80",
                                  "ns2/svc2:p80 cluster 172.30.0.42:80 > 10.180.0.2:80",
                                  "ns2/svc2:p80 external 192.168.99.22:80 > 10.180.0.2:80",
                                  "ns2/svc2:p80 loadbalancer 1.2.3.4:80 > 10.180.0.2:80",
                                  "ns2/svc2:p80 node 0.0.0.0:3001 > 10.180.0.2:80",
                                  "ns3/svc3:p80 cluster 172.30.0.43:80 > 10.180.0.3:80",
                                  "ns3/svc3:p80 node 0.0.0.0:3003 > 10.180.0.3:80",
                                  "ns4/svc4:p80 cluster 172.30.0.44:80 > 10.180.0.4:80 10.180.0.5:80",
                                  "ns4/svc4:p80 external 192.168.99.33:80 > 10.180.0.4:80 10.180.0.5:80",
                                  "ns5/svc5:p80 cluster 172.30.0.45:80 > 10.180.0.3:80",
                                  "ns5/svc5:p80 loadbalancer 5.6.7.8:80 > 10.180.0.3:80",
                                  "ns5/svc5:p80 node 0.0.0.0:3002 > 10.180.0.3:80",
                                  "ns6/svc6:p80 cluster 172.30.0.46:80 >",
                              });
    CHECK(test::gaps_of(table) == "");
  }
}

TEST_CASE("a real K3s node: every name is proven") {
  for (const auto& each : test::dumps("k3s-1.30-kube-router-rpi-0.iptables")) {
    const auto& name = each.first;
    const auto& text = each.second;
    INFO(name);
    const ServiceTable table = parse_iptables_services(text, text, "iptables-nft");
    INFO(test::gaps_of(table));
    CHECK(table.gaps.empty());
    CHECK(table.ports.size() > 15);
    CHECK(described(table).count("default/registry node 0.0.0.0:30500 > 10.42.0.10:5000") == 1);
    for (const auto& port : table.ports) {
      INFO(described(port));
      CHECK(!port.name.empty());
      // The UDP port has chains too.
      CHECK(port.full_name() != "default/tuby-dlna:dlna-udp");
    }
  }
  for (const auto& each : test::dumps("k3s-1.30-kube-router-rpi-1.iptables")) {
    const auto& name = each.first;
    const auto& text = each.second;
    INFO(name);
    const ServiceTable table = parse_iptables_services(text, text, "ip6tables-nft");
    INFO(test::gaps_of(table));
    for (const auto& port : table.ports) CHECK(port.address.address.family == 6);
  }
}

TEST_CASE("rules of others give no services") {
  for (const auto& each : test::dumps(".iptables")) {
    const auto& name = each.first;
    const auto& text = each.second;
    if (name.find("kube-proxy") != std::string::npos || name.find("k3s") != std::string::npos) continue;
    INFO(name);
    CHECK(parse_iptables_services(text, text, "iptables-nft").ports.empty());
  }
}

TEST_CASE("a comment names a service only if the chain is that service's") {
  const std::string mine = service_chain("shop/web:http");
  const std::string end = ":KUBE-SEP-X - [0:0]\n-A " + mine + " -j KUBE-SEP-X\n-A KUBE-SEP-X -p tcp -j DNAT --to-destination 10.0.0.9:80\n";
  const ServiceTable forged = nat(jump("bank/vault:http cluster IP", "10.96.0.5", mine) + end);
  CHECK(described(forged) == std::set<std::string>{"? cluster 10.96.0.5:80 > 10.0.0.9:80"});
  CHECK(gaps_with(forged, kServicesContradict) == 1);
  CHECK(gaps_with(forged, kServicesUnnamed) == 1);
  // Of the service's own chain another comment tells the truth.
  const ServiceTable proven =
      nat(jump("bank/vault:http external IP", "192.0.2.1", mine) + jump("shop/web:http cluster IP", "10.96.0.5", mine) + end);
  CHECK(described(proven) ==
        std::set<std::string>{"shop/web:http cluster 10.96.0.5:80 > 10.0.0.9:80", "shop/web:http cluster 192.0.2.1:80 > 10.0.0.9:80"});
  CHECK(gaps_with(proven, kServicesContradict) == 1);
  CHECK(gaps_with(proven, kServicesUnnamed) == 0);
  const ServiceTable silent = nat("-A KUBE-SERVICES -d 10.96.0.5/32 -p tcp -m tcp --dport 80 -j " + mine + "\n" + end);
  CHECK(described(silent) == std::set<std::string>{"? cluster 10.96.0.5:80 > 10.0.0.9:80"});
  CHECK(gaps_with(silent, kServicesContradict) == 0);
  const ServiceTable elsewhere = nat(jump("shop/web:http cluster IP", "10.96.0.5", "SOMEBODY") + end);
  CHECK(elsewhere.ports.empty());
  CHECK(gaps_with(elsewhere, kServicesPartial) == 1);
}

TEST_CASE("comments with whatever in them are no names") {
  const std::string names[] = {"shop/web\x1b[2J", "shop/web:ht\ntp",           "a/b/c", "/web", "shop/", "Shop/Web",
                               "shop/web:\xff",   std::string(64, 'a') + "/b", ""};
  for (const std::string& name : names) {
    // Even when the hash is right.
    const ServiceTable table = nat(jump(name + " cluster IP", "10.96.0.5", service_chain(name)));
    REQUIRE(table.ports.size() == 1);
    CHECK(table.ports[0].name == "");
  }
  const ServiceTable quoted = nat(jump("shop/web:http cluster IP\\\" -j DROP", "10.96.0.5", service_chain("shop/web:http")));
  REQUIRE(quoted.ports.size() == 1);
  CHECK(quoted.ports[0].full_name() == "shop/web:http");
}

TEST_CASE("addresses and ports that are none, negations and nets are not taken") {
  const std::string chain = service_chain("shop/web:http");
  for (const char* match :
       {"-d 10.0.0.0/8 -p tcp -m tcp --dport 80", "! -d 10.0.0.1/32 -p tcp -m tcp --dport 80", "-d 10.0.0.1/32 -p tcp -m tcp ! --dport 80",
        "-d 10.0.0.1/32 -p tcp -m tcp --dport 80:90", "-d 10.0.0.1/32 -p tcp -m tcp --dport 0",
        "-d 10.0.0.1/32 -p tcp -m tcp --dport 65536", "-d fd00::1/128 -p tcp -m tcp --dport 80", "-p tcp -m tcp --dport 80"}) {
    INFO(match);
    const ServiceTable table = nat(std::string{"-A KUBE-SERVICES "} + match + " -j " + chain + "\n");
    CHECK(table.ports.empty());
    CHECK(gaps_with(table, kServicesPartial) == 1);
  }
  CHECK(nat("-A KUBE-SERVICES -d 10.0.0.1/32 -p udp -m udp --dport 80 -j " + chain + "\n").ports.empty());
}

TEST_CASE("an endpoint that cannot be read is a gap, an odd word before it is not") {
  const std::string chain = service_chain("shop/web:http");
  const std::string begin =
      jump("shop/web:http cluster IP", "10.96.0.5", chain) + "-A " + chain + " -j KUBE-SEP-X\n-A KUBE-SEP-X -p tcp -j DNAT ";
  for (const char* bad :
       {"", "--to-destination 10.0.0.1", "--to-destination :0", "--to-destination [fd00::1]:80", "--to-destination 10.0.0.1:80-90"}) {
    const ServiceTable table = nat(begin + bad + "\n");
    CHECK(table.ports.size() == 1);
    CHECK(table.ports[0].endpoints.empty());
    CHECK(gaps_with(table, kServicesPartial) == 1);
  }
  CHECK(nat(begin + "--to-destination :0 --persistent --to-destination 10.0.0.1:80\n").ports[0].endpoints.size() == 1);
}

TEST_CASE("chains in a loop, and a thousand ways to the same endpoints, end") {
  const std::string chain = service_chain("shop/web:http");
  const ServiceTable loop =
      nat(jump("shop/web:http cluster IP", "10.96.0.5", chain) + "-A " + chain + " -j " + chain + "\n-A " + chain +
          " -j KUBE-SEP-X\n-A KUBE-SEP-X -j " + chain + "\n-A KUBE-SEP-X -p tcp -j DNAT --to-destination 10.0.0.1:80\n");
  CHECK(described(loop) == std::set<std::string>{"shop/web:http cluster 10.96.0.5:80 > 10.0.0.1:80"});
  // Every port leads to every endpoint: 4 000 by 4 000 is more than is read.
  std::string rules;
  for (int i = 0; i < 4000; ++i) {
    const std::string number = std::to_string(i);
    rules += jump("shop/web:http cluster IP", "10.1." + std::to_string(i / 250) + "." + std::to_string(i % 250), chain);
    rules += "-A " + chain + " -j KUBE-SEP-" + number + "\n-A KUBE-SEP-" + number + " -p tcp -j DNAT --to-destination 10.2." +
             std::to_string(i / 250) + "." + std::to_string(i % 250) + ":80\n";
  }
  const MonotonicNs start = monotonic_now();
  const ServiceTable many = nat(rules);
  CHECK(monotonic_now() - start < kMaxTime);
  CHECK(many.ports.size() == 4000);
  CHECK(many.ports[0].endpoints.size() == 4000);
  std::size_t endpoints = 0;
  for (const auto& port : many.ports) endpoints += port.endpoints.size();
  CHECK(endpoints <= 262'144);
  CHECK(gaps_with(many, kServicesPartial) == 1);
}

TEST_CASE("what is cut says so, wherever it is cut, and invents nothing") {
  const std::string text = test::service_fixture("new-nft.save");
  const auto whole = parse_iptables_services(text, text, "iptables-nft");
  for (std::size_t size = 0; size < text.size(); size += 7) {
    const std::string cut = text.substr(0, size);
    const ServiceTable table = parse_iptables_services(cut, cut, "iptables-nft");
    for (const auto& port : table.ports) {
      CHECK((port.name.empty() || test::find(whole, to_string(port.address.address), port.address.port) != nullptr));
    }
    if (size > 0 && size < text.find("COMMIT", text.find("*nat"))) CHECK(gaps_with(table, kServicesPartial) >= 1);
  }
  CHECK(parse_iptables_services("", "", "iptables-nft").gaps.empty());
  CHECK(gaps_with(parse_iptables_services("*filter\nCOMMIT\n", "", "iptables-nft"), kServicesPartial) == 1);
  CHECK(gaps_with(parse_iptables_services(std::string(kMaxServicesBytes + 1, '\n'), "", "iptables-nft"), kServicesPartial) == 1);
}

TEST_CASE("ten thousand services") {
  std::string declared = "*nat\n:KUBE-SERVICES - [0:0]\n";
  std::string rules;
  for (int i = 0; i < 10'000; ++i) {
    const std::string name = "namespace-" + std::to_string(i % 100) + "/service-" + std::to_string(i) + ":http";
    const std::string chain = service_chain(name);
    const std::string tail = std::to_string(i / 250) + "." + std::to_string(i % 250);
    declared += ":" + chain + " - [0:0]\n";
    rules += jump(name + " cluster IP", "10.96." + tail, chain);
    rules += "-A " + chain + " ! -s 10.244.0.0/16 -d 10.96." + tail + "/32 -p tcp -m comment --comment \"" + name +
             " cluster IP\" -m tcp --dport 80 -j KUBE-MARK-MASQ\n";
    for (const char* net : {"10.244.", "10.245."}) {
      const std::string endpoint = net + tail + ":8080";
      const std::string end = "KUBE-SEP-" + sha256_base32(name + "tcp" + endpoint, 16);
      declared += ":" + end + " - [0:0]\n";
      rules += "-A " + chain + " -m comment --comment \"" + name + " -> " + endpoint +
               "\" -m statistic --mode random --probability 0.50000000000 -j " + end + "\n";
      rules += "-A " + end + " -s " + net + tail + "/32 -m comment --comment \"" + name + "\" -j KUBE-MARK-MASQ\n";
      rules += "-A " + end + " -p tcp -m comment --comment \"" + name + "\" -m tcp -j DNAT --to-destination " + endpoint + "\n";
    }
  }
  const std::string text = declared + rules + "COMMIT\n";
  ServiceTable table;
  const DurationNs took = test::cpu_time_of([&] { table = parse_iptables_services(text, "", "iptables-nft"); });
  MESSAGE("10,000 services, " << text.size() / 1024 << " KiB of iptables-save: " << took / 1000 << " us of CPU");
  CHECK(took < kMaxTime);
  CHECK(table.ports.size() == 10'000);
  CHECK(table.gaps.empty());
  CHECK(std::all_of(table.ports.begin(), table.ports.end(),
                    [](const auto& port) { return port.endpoints.size() == 2 && !port.name.empty(); }));
}
