// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Looking ports up, joining tables, and read_services: against answers in memory, and with root against real tools in a real namespace.
#include "inventory/services.hpp"

#include <doctest/doctest.h>
#include <linux/netfilter.h>

#include "dumps.hpp"
#include "fixtures.hpp"
#include "inventory/nft_objects.hpp"
#include "inventory/service_parts.hpp"
#include "rule_lab.hpp"
#include "service_tables.hpp"

using namespace synfate;
using namespace synfate::inventory;
using test::described;
using test::gaps_of;
using test::gaps_with;

namespace {

constexpr std::uint64_t kNetns = 4026532511;

model::Endpoint endpoint(const char* address, std::uint16_t port) { return {*model::parse_ip(address), port}; }

class Node {
 public:
  Node() { machine_.add_process(42, "kubelet", kNetns); }

  void legacy(bool ipv6, const std::string& tables) {
    machine_.netns(kNetns).files[ipv6 ? "/proc/thread-self/net/ip6_tables_names" : "/proc/thread-self/net/ip_tables_names"] = tables;
  }
  void there(const machine::NetlinkRequest& request) {
    // Any answer says that it is there.
    answer(request, test::reply(test::fixture("rules/iptables-chain.bin")));
  }
  void answer(const machine::NetlinkRequest& request, Result<machine::NetlinkReply> reply) {
    machine_.netns(kNetns).answers.insert_or_assign({request.protocol, request.type, request.body}, std::move(reply));
  }
  void command(const std::vector<std::string>& argv, const std::string& out, int status = 0) {
    machine_.add_command(argv, {status, out, status == 0 ? "" : "no luck\n"});
  }
  ServiceTable read() {
    const machine::NetnsHandle netns{UniqueFd{}, kNetns};
    auto table = read_services(machine_, netns, 42);
    REQUIRE(table);
    return *std::move(table);
  }
  machine::FakeMachine& machine() { return machine_; }

 private:
  machine::FakeMachine machine_;
};

}  // namespace

TEST_CASE("an address is found before a NodePort, and a NodePort only on the node's own addresses") {
  const ServiceTable table = parse_iptables_services(test::service_fixture("new-nft.save"), "", "iptables-nft");
  const ServiceIndex index{table.ports};
  const auto* web = index.find(endpoint("10.96.7.8", 80), false);
  REQUIRE(web != nullptr);
  CHECK(web->full_name() == "shop/web:http");
  CHECK(index.find(endpoint("10.96.7.8", 81), true) == nullptr);
  CHECK(index.find(endpoint("172.18.0.3", 30080), false) == nullptr);
  const auto* node_port = index.find(endpoint("172.18.0.3", 30080), true);
  REQUIRE(node_port != nullptr);
  CHECK(node_port->kind == model::ServicePort::Kind::NodePort);
  CHECK(index.find(endpoint("fd00::1", 30080), true) == nullptr);
  CHECK(index.find(endpoint("0.0.0.0", 30080), false) == nullptr);
  CHECK(ServiceIndex{{}}.find(endpoint("10.96.7.8", 80), true) == nullptr);
}

TEST_CASE("two tables with the same address are one port, unless they name two services") {
  const auto port = [](const char* name, const char* end) {
    ServiceTable table;
    table.ports.emplace_back();
    table.ports[0].namespace_name = *name == 0 ? "" : "shop";
    table.ports[0].name = name;
    table.ports[0].address = endpoint("10.96.0.1", 80);
    table.ports[0].endpoints = {endpoint(end, 80)};
    table.ports[0].source = end;
    return table;
  };
  ServiceTable table = port("", "10.0.0.2");
  merge_services(table, port("web", "10.0.0.1"));
  merge_services(table, port("", "10.0.0.2"));
  CHECK(described(table) == std::set<std::string>{"shop/web cluster 10.96.0.1:80 > 10.0.0.1:80 10.0.0.2:80"});
  CHECK(table.ports[0].source == "10.0.0.2; 10.0.0.1; 10.0.0.2");
  CHECK(table.gaps.empty());
  merge_services(table, port("other", "10.0.0.3"));
  CHECK(table.ports.size() == 1);
  CHECK(table.ports[0].endpoints.size() == 2);
  CHECK(gaps_with(table, kServicesContradict) == 1);
}

TEST_CASE("nothing is asked for where nothing is there") {
  Node node;
  CHECK(node.read().ports.empty());
  CHECK(gaps_of(node.read()) == "");
  CHECK(node.machine().ran().empty());
  // Tables of iptables-legacy, but no nat; nat, but not kube-proxy's.
  node.legacy(false, "filter\nraw\n");
  CHECK(node.read().ports.empty());
  CHECK(node.machine().ran().empty());
  node.legacy(false, "filter\nnat\n");
  node.command({"iptables-legacy-save", "-t", "nat"}, "*nat\n:DOCKER - [0:0]\nCOMMIT\n");
  CHECK(gaps_of(node.read()) == "");
  CHECK(node.machine().ran().size() == 1);
}

TEST_CASE("a kernel that would have to load nf_tables is not asked for it") {
  Node node;
  node.there(nft_table_request({NFPROTO_IPV4, "kube-proxy"}));
  node.command({"nft", "-j", "list", "table", "ip", "kube-proxy"}, test::service_fixture("table-ip.json"));
  node.machine().add_file("/proc/modules", "ip_tables 1 2 - Live 0x0\n");
  CHECK(node.read().ports.empty());
  node.machine().add_file("/proc/modules", "nf_tables 1 2 - Live 0x0\n");
  CHECK(node.read().ports.size() == 13);
}

TEST_CASE("both backends, both families, nftables and ipvs are read and joined") {
  Node node;
  node.legacy(false, "nat\nfilter\n");
  node.legacy(true, "nat\n");
  node.command({"iptables-legacy-save", "-t", "nat"}, test::service_fixture("old-legacy.save"));
  node.command({"iptables-legacy-save", "-t", "filter"}, test::service_fixture("old-legacy.save"));
  node.command({"ip6tables-legacy-save", "-t", "nat"}, test::service_fixture("ip6-legacy.save"));
  node.there(nft_chain_request({NFPROTO_IPV4, "nat"}, "KUBE-SERVICES"));
  node.there(nft_chain_request({NFPROTO_IPV4, "filter"}, "KUBE-SERVICES"));
  node.command({"iptables-nft-save", "-t", "nat"}, test::service_fixture("new-nft.save"));
  node.command({"iptables-nft-save", "-t", "filter"}, test::service_fixture("new-nft.save"));
  node.machine().netns(kNetns).files["/proc/thread-self/net/ip_vs"] =
      "IP Virtual Server version 1.2.1 (size=4096)\nTCP  0A600001:01BB rr \n  -> AC120009:192B Masq 1 0 0\n";
  const ServiceTable table = node.read();
  CHECK(table.ports.size() == 15);
  const auto* api = test::find(table, "10.96.0.1", 443);
  REQUIRE(api != nullptr);
  CHECK(described(*api) == "default/kubernetes:https cluster 10.96.0.1:443 > 172.18.0.2:6443 172.18.0.9:6443");
  for (const char* source : {"iptables-nft, table nat", "iptables-legacy, table nat", "ipvs"}) {
    CHECK(api->source.find(source) != std::string::npos);
  }
  CHECK(test::find(table, "fd00:10:96::7:8", 80) != nullptr);
  CHECK(gaps_with(table, kServicesUnreadable) == 0);
}

TEST_CASE("a plain iptables-save is asked which backend it is of") {
  Node node;
  node.legacy(false, "nat\n");
  node.command({"iptables-save", "-V"}, "iptables-save v1.8.9 (nf_tables)\n");
  node.command({"iptables-save", "-t", "nat"}, test::service_fixture("new-legacy.save"));
  CHECK(node.read().ports.empty());
  CHECK(gaps_with(node.read(), kServicesUnreadable) == 1);
  node.command({"iptables-save", "-V"}, "iptables-save v1.8.9 (legacy)\n");
  CHECK(node.read().ports.size() == 11);
  CHECK(gaps_with(node.read(), kServicesUnreadable) == 0);
}

TEST_CASE("what cannot be read is a gap, and the rest is read") {
  Node node;
  node.legacy(false, "nat\nfilter\n");
  node.command({"iptables-legacy-save", "-t", "nat"}, test::service_fixture("new-legacy.save"));
  node.command({"iptables-legacy-save", "-t", "filter"}, "", 1);
  node.there(nft_table_request({NFPROTO_IPV4, "kube-proxy"}));
  node.answer(nft_table_request({NFPROTO_IPV6, "kube-proxy"}), Error{ErrorKind::Permission, "netlink", "not permitted", ""});
  node.machine().netns(kNetns).failures.emplace("/proc/thread-self/net/ip_vs", Error{ErrorKind::BadData, "ip_vs", "too long", ""});
  const ServiceTable table = node.read();
  INFO(gaps_of(table));
  CHECK(table.ports.size() == 11);
  // Table filter, an nft that is not there, nf_tables itself, ipvs.
  CHECK(gaps_with(table, kServicesUnreadable) == 4);
  node.machine().netns(kNetns).entering = Error{ErrorKind::Permission, "cannot enter", "not permitted", ""};
  CHECK(!read_services(node.machine(), machine::NetnsHandle{UniqueFd{}, kNetns}, 42));
}

TEST_CASE("a table that iptables cannot print is a gap, since kube-proxy's chain is known to be there") {
  Node node;
  node.there(nft_chain_request({NFPROTO_IPV4, "nat"}, "KUBE-SERVICES"));
  node.command({"iptables-nft-save", "-t", "nat"}, "# Table `nat' is incompatible, use 'nft' tool.\n");
  CHECK(node.read().ports.empty());
  CHECK(gaps_with(node.read(), kServicesUnreadable) == 1);
}

TEST_CASE("a table of kube-proxy's that is too long gives the services of its maps") {
  Node node;
  node.there(nft_table_request({NFPROTO_IPV4, "kube-proxy"}));
  node.command({"nft", "-j", "list", "table", "ip", "kube-proxy"}, "", 1);
  const std::string whole = test::service_fixture("table-ip.json");
  const std::size_t begin = whole.find("{\"map\": {\"family\": \"ip\", \"name\": \"service-ips\"");
  const std::size_t end = whole.find("{\"map\": ", begin + 1);
  REQUIRE(end != std::string::npos);
  node.command({"nft", "-j", "list", "map", "ip", "kube-proxy", "service-ips"},
               "{\"nftables\": [" + whole.substr(begin, end - begin - 2) + "]}");
  const ServiceTable table = node.read();
  CHECK(described(table).count("shop/web:http cluster 10.96.7.8:80 >") == 1);
  CHECK(gaps_with(table, kServicesUnreadable) == 1);
  CHECK(gaps_with(table, kServicesPartial) == 0);
}

TEST_CASE("real rules in a real namespace: kube-proxy's own, loaded with every tool, and no table made by looking") {
  test::RuleLab lab;
  if (!lab.usable()) return;
  machine::RealMachine machine;
  const auto read = [&] {
    auto table = read_services(machine, lab.netns(), 0);
    REQUIRE(table);
    return *std::move(table);
  };
  const auto tables = [&] { return lab.sh("nft list tables; cat /proc/self/net/ip_tables_names /proc/self/net/ip6_tables_names || true"); };
  CHECK(read().ports.empty());
  CHECK(tables() == "");
  const std::string fixtures = std::string{SYNFATE_FIXTURES} + "/services/";
  lab.sh("iptables-legacy-restore < " + fixtures + "new-legacy.save");
  const std::string before = tables();
  const ServiceTable legacy = read();
  CHECK(legacy.ports.size() == 13);
  CHECK(gaps_with(legacy, kServicesUnreadable) == 0);
  CHECK(tables() == before);
  lab.sh("ip6tables-nft-restore < " + fixtures + "ip6-nft.save");
  lab.sh("iptables-nft-restore < " + fixtures + "old-nft.save");
  const ServiceTable both = read();
  INFO(gaps_of(both));
  CHECK(both.ports.size() == 16);
  CHECK(gaps_with(both, kServicesUnreadable) == 0);
  const auto* web = test::find(both, "10.96.7.8", 80);
  REQUIRE(web != nullptr);
  CHECK(web->source.find("iptables-nft") != std::string::npos);
  CHECK(web->source.find("iptables-legacy") != std::string::npos);
}

TEST_CASE("kube-proxy's golden nftables rules, loaded with nft") {
  if (test::dumps("kube-proxy-nft-golden-ordered").empty()) return;
  test::RuleLab lab;
  if (!lab.usable()) return;
  const char* const given = std::getenv("SYNFATE_DUMPS");
  const std::string directory = given != nullptr ? given : std::string{SYNFATE_FIXTURES} + "/../../../shared/dumps";
  lab.sh("nft -f '" + directory + "/kube-proxy-nft-golden-ordered.nft'");
  machine::RealMachine machine;
  const auto table = read_services(machine, lab.netns(), 0);
  REQUIRE(table);
  CHECK(described(*table) == std::set<std::string>{
                                 "ns1/svc1:p80 cluster 172.30.0.41:80 > 10.180.0.1:80",
                                 "ns2/svc2:p80 cluster 172.30.0.42:80 > 10.180.0.2:80",
                                 "ns2/svc2:p80 external 192.168.99.22:80 > 10.180.0.2:80",
                                 "ns2/svc2:p80 external 1.2.3.4:80 > 10.180.0.2:80",
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
  CHECK(gaps_of(*table) == "");
}
