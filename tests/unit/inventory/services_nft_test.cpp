// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// kube-proxy's nftables mode: against answers in memory, and with root against real rules in a real namespace.
#include <doctest/doctest.h>

#include "dumps.hpp"
#include "fixtures.hpp"
#include "inventory/nft_objects.hpp"
#include "inventory/service_parts.hpp"
#include "inventory/sha256.hpp"
#include "nft_messages.hpp"
#include "rule_lab.hpp"
#include "service_tables.hpp"

using namespace synfate;
using namespace synfate::inventory;
using namespace std::string_literals;
using test::described;

namespace {

constexpr std::uint64_t kNetns = 4026532511;
const NftTable kProxy{NFPROTO_IPV4, "kube-proxy"};

std::string chain_of(const std::string& kind, const std::string& path) { return kind + "-" + sha256_base32(path, 8) + "-" + path; }

std::string key(const std::string& address, std::uint16_t port) {
  const auto ip = model::parse_ip(address);
  std::string bytes = ip ? std::string(reinterpret_cast<const char*>(ip->bytes.data()), ip->family == 4 ? 4 : 16) : "";
  return bytes + "\x06\0\0\0"s + static_cast<char>(port >> 8U) + static_cast<char>(port) + "\0\0"s;
}

/// Table kube-proxy in a kernel's memory.
class Kernel {
 public:
  Kernel() {
    machine_.netns(kNetns);
    answer(nft_table_request(kProxy), test::nft_message(NFT_MSG_NEWTABLE, ""));
    generation(7);
  }

  void generation(std::uint32_t number) {
    answer(nft_generation_request(), test::nft_message(NFT_MSG_NEWGEN, test::nft_number(NFTA_GEN_ID, number)));
  }
  void element(const std::string& set, const std::string& key, const std::string& verdict, const std::string& comment = "") {
    answer(nft_element_request(kProxy, set, key), test::nft_elements(test::nft_element(key, verdict, comment)));
  }
  void leads(const std::string& set, const std::string& key, const std::string& chain) {
    element(set, key, test::nft_verdict(NFT_GOTO, chain));
  }
  void rules(const std::string& chain, const std::string& messages) { answer(nft_rules_request(kProxy, chain), messages); }
  void map(const std::string& name, const std::string& elements) {
    answer(nft_elements_request(kProxy, name), test::nft_elements(elements));
  }
  void answer(const machine::NetlinkRequest& request, Result<machine::NetlinkReply> reply) {
    netns().answers.insert_or_assign({request.protocol, request.type, request.body}, std::move(reply));
  }
  void answer(const machine::NetlinkRequest& request, const std::string& messages) { answer(request, test::reply(messages)); }
  machine::FakeNetns& netns() { return machine_.netns(kNetns); }

  NftService find(const std::string& address, std::uint16_t port, bool of_node = false) {
    NftService found;
    REQUIRE(machine_.inside(machine::NetnsHandle{UniqueFd{}, kNetns}, [&](machine::NetnsVisit& visit) {
      found = find_nft_service(visit, {*model::parse_ip(address), port}, of_node);
    }));
    return found;
  }

 private:
  machine::FakeMachine machine_;
};

std::string told(const NftService& found) { return found.port ? described(*found.port) : ""; }

std::string codes(const NftService& found) {
  std::string text;
  for (const auto& gap : found.gaps) text += gap.code + " ";
  return text;
}

/// What real rules of the lab say of these addresses, IPv4 and IPv6; an address of all zero is any of the node's.
std::set<std::string> ask(const test::RuleLab& lab, const std::set<std::string>& addresses, std::string& gaps) {
  std::set<std::string> lines;
  machine::RealMachine machine;
  REQUIRE(machine.inside(lab.netns(), [&](machine::NetnsVisit& visit) {
    for (const std::string& address : addresses) {
      auto dialled = *parse_endpoint(address);
      const bool of_node = dialled.address == model::IpAddress{dialled.address.family, {}};
      if (of_node) dialled.address = *model::parse_ip(dialled.address.family == 4 ? "172.18.0.3" : "fd00:18::3");
      const NftService found = find_nft_service(visit, dialled, of_node);
      if (found.port) lines.insert(described(*found.port) + (found.port->source.find("has no") == std::string::npos ? "" : " !"));
      for (const auto& gap : found.gaps) gaps += address + " " + gap.code + "\n";
    }
  }));
  return lines;
}

}  // namespace

TEST_CASE("an address leads to a service's chain, whose hash proves the name, and on to its endpoints") {
  Kernel kernel;
  const std::string service = chain_of("service", "shop/web/tcp/http");
  const std::string external = chain_of("external", "shop/web/tcp/http");
  const std::string one = chain_of("endpoint", "shop/web/tcp/http__10.0.0.9/8080");
  const std::string two = chain_of("endpoint", "shop/web/tcp/http__10.0.0.8/8080");
  kernel.leads("service-ips", key("10.96.0.1", 80), service);
  kernel.leads("service-ips", key("192.0.2.1", 80), external);
  kernel.leads("service-ips", key("192.0.2.2", 80), external);
  kernel.leads("service-nodeports", key("", 30080), external);
  kernel.element("firewall-ips", key("192.0.2.2", 80), test::nft_verdict(NFT_GOTO, "firewall-x"));
  kernel.rules(external,
               test::nft_rule(external, test::nft_immediate(NFT_REG_VERDICT, test::nft_verdict(NFT_JUMP, "mark-for-masquerade"))) +
                   test::nft_rule(external, test::nft_goto(service)));
  kernel.rules(service, test::nft_rule(service, test::nft_vmap("__map7")));
  kernel.map("__map7", test::nft_element("\0\0\0\0"s, test::nft_verdict(NFT_GOTO, one)) +
                           test::nft_element("\1\0\0\0"s, test::nft_verdict(NFT_GOTO, two)));
  kernel.rules(one, test::nft_rule(one, test::nft_dnat("\x0a\0\0\x09"s, "\x1f\x90"s)));
  kernel.rules(two, test::nft_rule(two, test::nft_dnat("\x0a\0\0\x08"s, "\x1f\x90"s)));
  const std::string ends = " > 10.0.0.8:8080 10.0.0.9:8080";
  CHECK(told(kernel.find("10.96.0.1", 80)) == "shop/web:http cluster 10.96.0.1:80" + ends);
  CHECK(told(kernel.find("192.0.2.1", 80)) == "shop/web:http external 192.0.2.1:80" + ends);
  CHECK(told(kernel.find("192.0.2.2", 80)) == "shop/web:http loadbalancer 192.0.2.2:80" + ends);
  CHECK(told(kernel.find("172.18.0.3", 30080, true)) == "shop/web:http node 0.0.0.0:30080" + ends);
  CHECK(told(kernel.find("172.18.0.3", 30080)) == "");
  CHECK(told(kernel.find("10.96.0.1", 81, true)) == "");
  CHECK(codes(kernel.find("10.96.0.1", 80)) == "");
  CHECK(kernel.find("10.96.0.1", 80).port->source == "nftables, table kube-proxy, " + service);
  // Its own address goes before a NodePort.
  kernel.leads("service-ips", key("172.18.0.3", 30080), service);
  CHECK(told(kernel.find("172.18.0.3", 30080, true)) == "shop/web:http cluster 172.18.0.3:30080" + ends);
  // A port that is refused where it came from far away.
  kernel.element("no-endpoint-services", key("192.0.2.1", 80), test::nft_verdict(NF_DROP, ""), "shop/web:http");
  CHECK(kernel.find("192.0.2.1", 80).port->source.find("; map no-endpoint-services: has no local endpoints") != std::string::npos);
}

TEST_CASE("a port without endpoints is told by its element's comment alone") {
  Kernel kernel;
  kernel.element("no-endpoint-services", key("10.96.0.1", 80), test::nft_verdict(NFT_GOTO, "reject-chain"), "shop/empty:http");
  kernel.element("cluster-ips", "\x0a\x60\0\1"s, "");
  kernel.element("no-endpoint-nodeports", key("", 30082), test::nft_verdict(NF_DROP, ""), "shop/empty:http");
  kernel.element("no-endpoint-services", key("10.96.0.2", 80), test::nft_verdict(NF_DROP, ""), "bad\x1b/x");
  const NftService empty = kernel.find("10.96.0.1", 80);
  CHECK(told(empty) == "shop/empty:http cluster 10.96.0.1:80 >");
  CHECK(empty.port->source == "nftables, table kube-proxy, map no-endpoint-services: has no endpoints, by its comment alone");
  const NftService node = kernel.find("172.18.0.3", 30082, true);
  CHECK(told(node) == "shop/empty:http node 0.0.0.0:30082 >");
  CHECK(node.port->source == "nftables, table kube-proxy, map no-endpoint-nodeports: has no local endpoints, by its comment alone");
  CHECK(told(kernel.find("10.96.0.2", 80)) == "? external 10.96.0.2:80 >");
  CHECK(codes(kernel.find("10.96.0.2", 80)) == std::string{kServicesUnnamed} + " ");
}

TEST_CASE("a chain names a service only if its hash is of that name") {
  for (const std::string& chain : {"service-AAAAAAAA-bank/vault/tcp/http"s, chain_of("service", "Bank/vault/tcp/http"),
                                   chain_of("service", "bank/vault/udp/http"), chain_of("service", "bank/vault/tcp"),
                                   chain_of("service", "bank/va\x01ult/tcp/http"), chain_of("service", std::string(238, 'a') + "/b/tcp/c"),
                                   "service-" + sha256_base32("x", 8) + "-" + std::string(228, 'a') + "..."}) {
    INFO(chain);
    Kernel kernel;
    kernel.leads("service-ips", key("10.96.0.1", 80), chain);
    const NftService found = kernel.find("10.96.0.1", 80);
    REQUIRE(found.port);
    CHECK(found.port->name == "");
    CHECK(codes(found) == std::string{kServicesUnnamed} + " ");
  }
  Kernel kernel;
  kernel.leads("service-ips", key("10.96.0.1", 80), "somebody");
  CHECK(told(kernel.find("10.96.0.1", 80)) == "");
  CHECK(codes(kernel.find("10.96.0.1", 80)) == std::string{kServicesPartial} + " ");
}

TEST_CASE("answers of another key, DNAT that is none, loops and too many chains") {
  Kernel kernel;
  const std::string a = chain_of("service", "a/b/tcp/c");
  const std::string b = chain_of("local", "a/b/tcp/c");
  kernel.answer(nft_element_request(kProxy, "service-ips", key("10.96.0.9", 80)),
                test::nft_elements(test::nft_element(key("10.96.0.8", 80), test::nft_verdict(NFT_GOTO, a))));
  CHECK(told(kernel.find("10.96.0.9", 80)) == "");
  kernel.leads("service-ips", key("10.96.0.1", 80), a);
  kernel.rules(a, test::nft_rule(a, test::nft_goto(b)) + test::nft_rule("other", test::nft_dnat("\x0a\0\0\1"s, "\0\x50"s)));
  kernel.rules(b, test::nft_rule(b, test::nft_goto(a)) + test::nft_rule(b, test::nft_dnat("\x0a\0\0"s, "\0\x50"s)) +
                      test::nft_rule(b, test::nft_dnat("\x0a\0\0\1"s, "\0\0"s)) +
                      test::nft_rule(b, test::nft_dnat("\x0a\0\0\1"s, "\x50"s)) + test::nft_rule(b, test::nft_expression("nat", "")) +
                      test::nft_rule(b, test::nft_immediate(99, "")));
  CHECK(told(kernel.find("10.96.0.1", 80)) == "a/b:c cluster 10.96.0.1:80 >");
  CHECK(codes(kernel.find("10.96.0.1", 80)) == "");
  std::string messages;
  for (int i = 0; i < 1500; ++i) {
    const std::string end = chain_of("endpoint", "a/b/tcp/c__" + std::to_string(i));
    messages += test::nft_elements(test::nft_element("\0\0\0\0"s, test::nft_verdict(NFT_GOTO, end)));
  }
  kernel.rules(b, test::nft_rule(b, test::nft_vmap("__map1")));
  kernel.answer(nft_elements_request(kProxy, "__map1"), messages);
  CHECK(codes(kernel.find("10.96.0.1", 80)) == std::string{kServicesPartial} + " ");
}

TEST_CASE("what may not be asked, and what changes all the time, are gaps; no table is none") {
  Kernel kernel;
  kernel.leads("service-ips", key("10.96.0.1", 80), chain_of("service", "a/b/tcp/c"));
  const Error denied{ErrorKind::Permission, "netlink", "not permitted", ""};
  kernel.answer(nft_rules_request(kProxy, chain_of("service", "a/b/tcp/c")), denied);
  CHECK(told(kernel.find("10.96.0.1", 80)) == "a/b:c cluster 10.96.0.1:80 >");
  CHECK(codes(kernel.find("10.96.0.1", 80)) == std::string{kServicesUnreadable} + " ");
  std::uint32_t generation = 8;
  kernel.netns().on_request = [&](machine::FakeNetns&, const machine::NetlinkRequest&) { kernel.generation(++generation); };
  const NftService moving = kernel.find("10.96.0.1", 80);
  CHECK(told(moving) == "");
  CHECK(codes(moving) == std::string{kServicesUnreadable} + " ");
  kernel.netns().on_request = {};
  kernel.answer(nft_table_request(kProxy), denied);
  CHECK(codes(kernel.find("10.96.0.1", 80)) == std::string{kServicesUnreadable} + " ");
  kernel.answer(nft_table_request(kProxy), Error{ErrorKind::Gone, "netlink", "no such table", ""});
  CHECK(told(kernel.find("10.96.0.1", 80)) == "");
  CHECK(codes(kernel.find("10.96.0.1", 80)) == "");
}

TEST_CASE("real rules of both families, loaded with nft") {
  test::RuleLab lab;
  if (!lab.usable()) return;
  lab.sh("nft -f " SYNFATE_FIXTURES "/services/table-ip.nft; nft -f " SYNFATE_FIXTURES "/services/table-ip6.nft");
  std::string gaps;
  const auto lines =
      ask(lab, {"10.96.0.1:443", "10.96.0.10:53",        "10.96.7.8:80",    "192.0.2.33:80",         "198.51.100.7:80",
                "0.0.0.0:30080", "10.96.7.9:80",         "198.51.100.8:80", "0.0.0.0:30081",         "10.96.7.10:5000",
                "10.96.7.11:80", "0.0.0.0:30082",        "10.96.7.12:80",   "10.96.7.8:81",          "10.96.7.13:80",
                "0.0.0.0:30083", "[fd00:10:96::7:8]:80", "[::]:30080",      "[fd00:10:96::7:11]:80", "[fd00:10:96::7:12]:80"},
          gaps);
  CHECK(lines == std::set<std::string>{
                     "default/kubernetes:https cluster 10.96.0.1:443 > 172.18.0.2:6443",
                     "kube-system/kube-dns:dns-tcp cluster 10.96.0.10:53 > 10.244.0.2:53 10.244.0.3:53",
                     "shop/web:http cluster 10.96.7.8:80 > 10.244.0.5:8080 10.244.1.6:8080",
                     "shop/web:http external 192.0.2.33:80 > 10.244.0.5:8080 10.244.1.6:8080",
                     "shop/web:http loadbalancer 198.51.100.7:80 > 10.244.0.5:8080 10.244.1.6:8080",
                     "shop/web:http node 0.0.0.0:30080 > 10.244.0.5:8080 10.244.1.6:8080",
                     "shop/near:http cluster 10.96.7.9:80 > 10.244.1.7:8080",
                     "shop/near:http external 198.51.100.8:80 > 10.244.1.7:8080 !",
                     "shop/near:http node 0.0.0.0:30081 > 10.244.1.7:8080 !",
                     "shop/bare cluster 10.96.7.10:5000 > 10.244.0.9:5000",
                     "shop/empty:http cluster 10.96.7.11:80 > !",
                     "shop/empty:http node 0.0.0.0:30082 > !",
                     "? cluster 10.96.7.12:80 > 10.244.0.12:80",
                     "shop/web:http cluster [fd00:10:96::7:8]:80 > [fd00:10:244::5]:8080 [fd00:10:244:1::6]:8080",
                     "shop/web:http node [::]:30080 > [fd00:10:244::5]:8080 [fd00:10:244:1::6]:8080",
                     "shop/empty:http cluster [fd00:10:96::7:11]:80 > !",
                 });
  CHECK(gaps == "10.96.7.12:80 " + std::string{kServicesUnnamed} + "\n");
}

TEST_CASE("kube-proxy's golden nftables rules, loaded with nft") {
  if (test::dumps("kube-proxy-nft-golden-ordered").empty()) return;
  test::RuleLab lab;
  if (!lab.usable()) return;
  const char* const given = std::getenv("SYNFATE_DUMPS");
  const std::string directory = given != nullptr ? given : std::string{SYNFATE_FIXTURES} + "/../../../shared/dumps";
  lab.sh("nft -f '" + directory + "/kube-proxy-nft-golden-ordered.nft'");
  std::string gaps;
  const auto lines =
      ask(lab,
          {"172.30.0.41:80", "172.30.0.42:80", "192.168.99.22:80", "1.2.3.4:80", "0.0.0.0:3001", "172.30.0.43:80", "0.0.0.0:3003",
           "172.30.0.44:80", "192.168.99.33:80", "172.30.0.45:80", "5.6.7.8:80", "0.0.0.0:3002", "172.30.0.46:80", "172.30.0.41:81"},
          gaps);
  CHECK(lines == std::set<std::string>{
                     "ns1/svc1:p80 cluster 172.30.0.41:80 > 10.180.0.1:80",
                     "ns2/svc2:p80 cluster 172.30.0.42:80 > 10.180.0.2:80",
                     "ns2/svc2:p80 external 192.168.99.22:80 > 10.180.0.2:80 !",
                     "ns2/svc2:p80 external 1.2.3.4:80 > 10.180.0.2:80 !",
                     "ns2/svc2:p80 node 0.0.0.0:3001 > 10.180.0.2:80 !",
                     "ns3/svc3:p80 cluster 172.30.0.43:80 > 10.180.0.3:80",
                     "ns3/svc3:p80 node 0.0.0.0:3003 > 10.180.0.3:80",
                     "ns4/svc4:p80 cluster 172.30.0.44:80 > 10.180.0.4:80 10.180.0.5:80",
                     "ns4/svc4:p80 external 192.168.99.33:80 > 10.180.0.4:80 10.180.0.5:80",
                     "ns5/svc5:p80 cluster 172.30.0.45:80 > 10.180.0.3:80",
                     "ns5/svc5:p80 loadbalancer 5.6.7.8:80 > 10.180.0.3:80",
                     "ns5/svc5:p80 node 0.0.0.0:3002 > 10.180.0.3:80",
                     "ns6/svc6:p80 cluster 172.30.0.46:80 > !",
                 });
  CHECK(gaps == "");
}
