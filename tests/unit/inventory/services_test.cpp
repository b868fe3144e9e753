// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Looking ports up, joining what two rulesets say, and the book of a namespace: against answers in memory, and with root against real tools
// in a real namespace.
#include "inventory/services.hpp"

#include <doctest/doctest.h>
#include <linux/netfilter.h>

#include "fixtures.hpp"
#include "inventory/nft_objects.hpp"
#include "inventory/service_book.hpp"
#include "inventory/service_parts.hpp"
#include "nft_messages.hpp"
#include "rule_lab.hpp"
#include "service_tables.hpp"

using namespace synfate;
using namespace synfate::inventory;
using test::described;

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
  void generation(std::uint32_t number) {
    answer(nft_generation_request(), test::reply(test::nft_message(NFT_MSG_NEWGEN, test::nft_number(NFTA_GEN_ID, number))));
  }
  void answer(const machine::NetlinkRequest& request, Result<machine::NetlinkReply> reply) {
    machine_.netns(kNetns).answers.insert_or_assign({request.protocol, request.type, request.body}, std::move(reply));
  }
  void command(const std::vector<std::string>& argv, const std::string& out, int status = 0) {
    machine_.add_command(argv, {status, out, status == 0 ? "" : "no luck\n"});
  }
  /// Of a book that knows nothing yet.
  std::string ask(const char* address, std::uint16_t port, bool of_node = false) {
    book_ = {};
    return ask_again(address, port, 1, of_node);
  }
  std::string ask_again(const char* address, std::uint16_t port, MonotonicNs now, bool of_node = false) {
    const auto found = book_.find(machine_, machine::NetnsHandle{UniqueFd{}, kNetns}, 42, endpoint(address, port), of_node, now);
    REQUIRE(found);
    source_ = *found ? (*found)->source : "";
    return *found ? described(**found) : "";
  }
  std::size_t gaps(const std::string& code) const {
    return static_cast<std::size_t>(
        std::count_if(book_.gaps().begin(), book_.gaps().end(), [&](const model::Gap& gap) { return gap.code == code; }));
  }
  std::size_t gaps() const { return book_.gaps().size(); }
  void doubt(MonotonicNs now) { book_.doubt(now); }
  const std::vector<model::ServicePort>& others() const { return book_.others(); }
  const std::string& source() const { return source_; }
  machine::FakeMachine& machine() { return machine_; }

 private:
  machine::FakeMachine machine_;
  ServiceBook book_;
  std::string source_;
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

TEST_CASE("two rulesets with the same address are one port, unless they name two services") {
  const auto port = [](const char* name, const char* end) {
    model::ServicePort made;
    made.namespace_name = *name == 0 ? "" : "shop";
    made.name = name;
    made.address = endpoint("10.96.0.1", 80);
    made.endpoints = {endpoint(end, 80)};
    made.source = end;
    return made;
  };
  model::ServicePort first = port("", "10.0.0.2");
  CHECK(merge_service(first, port("web", "10.0.0.1")));
  CHECK(merge_service(first, port("", "10.0.0.2")));
  CHECK(described(first) == "shop/web cluster 10.96.0.1:80 > 10.0.0.1:80 10.0.0.2:80");
  CHECK(first.source == "10.0.0.2; 10.0.0.1; 10.0.0.2");
  CHECK(!merge_service(first, port("other", "10.0.0.3")));
  CHECK(first.endpoints.size() == 2);
}

TEST_CASE("nothing is asked for where nothing is there") {
  Node node;
  CHECK(node.ask("10.96.7.8", 80, true) == "");
  CHECK(node.gaps() == 0);
  CHECK(node.machine().ran().empty());
  // Tables of iptables-legacy, but no nat; nat, but not kube-proxy's.
  node.legacy(false, "filter\nraw\n");
  CHECK(node.ask("10.96.7.8", 80) == "");
  CHECK(node.machine().ran().empty());
  node.legacy(false, "filter\nnat\n");
  node.command({"iptables-legacy-save", "-t", "nat"}, "*nat\n:DOCKER - [0:0]\nCOMMIT\n");
  CHECK(node.ask("10.96.7.8", 80) == "");
  CHECK(node.gaps() == 0);
  CHECK(node.machine().ran().size() == 1);
  // IPv6 has tables of its own.
  CHECK(node.ask("fd00:10:96::7:8", 80) == "");
  CHECK(node.machine().ran().size() == 1);
}

TEST_CASE("a kernel that would have to load nf_tables is not asked for it") {
  Node node;
  node.generation(1);
  node.there(nft_chain_request({NFPROTO_IPV4, "nat"}, "KUBE-SERVICES"));
  node.command({"iptables-nft-save", "-t", "nat"}, test::service_fixture("new-nft.save"));
  node.machine().add_file("/proc/modules", "ip_tables 1 2 - Live 0x0\n");
  CHECK(node.ask("10.96.7.8", 80) == "");
  CHECK(node.machine().ran().empty());
  node.machine().add_file("/proc/modules", "nf_tables 1 2 - Live 0x0\n");
  CHECK(node.ask("10.96.7.8", 80) == "shop/web:http cluster 10.96.7.8:80 > 10.244.0.5:8080 10.244.1.6:8080");
}

TEST_CASE("both backends, both families, nftables and ipvs are read and joined") {
  Node node;
  node.generation(1);
  node.legacy(false, "nat\nfilter\n");
  node.legacy(true, "nat\n");
  node.command({"iptables-legacy-save", "-t", "nat"}, test::service_fixture("old-legacy.save"));
  node.command({"iptables-legacy-save", "-t", "filter"}, test::service_fixture("old-legacy.save"));
  node.command({"ip6tables-legacy-save", "-t", "nat"}, test::service_fixture("ip6-legacy.save"));
  node.there(nft_chain_request({NFPROTO_IPV4, "nat"}, "KUBE-SERVICES"));
  node.there(nft_chain_request({NFPROTO_IPV4, "filter"}, "KUBE-SERVICES"));
  node.command({"iptables-nft-save"}, test::service_fixture("new-nft.save"));
  node.machine().netns(kNetns).files["/proc/thread-self/net/ip_vs"] =
      "IP Virtual Server version 1.2.1 (size=4096)\nTCP  0A600001:01BB rr \n  -> AC120009:192B Masq 1 0 0\n";
  CHECK(node.ask("10.96.0.1", 443) == "default/kubernetes:https cluster 10.96.0.1:443 > 172.18.0.2:6443 172.18.0.9:6443");
  for (const char* source : {"iptables-nft, table nat", "iptables-legacy, table nat", "ipvs"}) {
    CHECK(node.source().find(source) != std::string::npos);
  }
  CHECK(node.gaps(kServicesUnreadable) == 0);
  CHECK(node.ask("fd00:10:96::7:8", 80) == "shop/web:http cluster [fd00:10:96::7:8]:80 > [fd00:10:244::5]:8080 [fd00:10:244:1::6]:8080");
  // Table kube-proxy says that it is another's.
  const NftTable proxy{NFPROTO_IPV4, "kube-proxy"};
  const std::string key{"\x0a\x60\0\1\x06\0\0\0\x01\xbb\0\0", 12};
  node.there(nft_table_request(proxy));
  node.answer(nft_element_request(proxy, "service-ips", key),
              test::reply(test::nft_elements(test::nft_element(key, test::nft_verdict(NFT_GOTO, "service-ULMVA6XW-ns1/svc1/tcp/p80")))));
  CHECK(node.ask("10.96.0.1", 443) == "ns1/svc1:p80 cluster 10.96.0.1:443 > 172.18.0.9:6443");
  // A forged comment in either of iptables' rulesets, and a name in either that is another's.
  CHECK(node.gaps(kServicesContradict) == 4);
}

TEST_CASE("both tables of iptables-nft are read at once, and one by one if that is too much") {
  Node node;
  node.generation(1);
  node.there(nft_chain_request({NFPROTO_IPV4, "nat"}, "KUBE-SERVICES"));
  node.there(nft_chain_request({NFPROTO_IPV4, "filter"}, "KUBE-SERVICES"));
  const std::string text = test::service_fixture("new-nft.save");
  node.command({"iptables-nft-save"}, text);
  CHECK(node.ask("10.96.7.11", 80) == "shop/empty:http cluster 10.96.7.11:80 >");
  CHECK(node.machine().ran().size() == 1);
  node.command({"iptables-nft-save"}, "", 1);
  node.command({"iptables-nft-save", "-t", "nat"}, text);
  CHECK(node.ask("10.96.7.8", 80) != "");
  CHECK(node.gaps(kServicesUnreadable) == 1);
  node.command({"iptables-nft-save", "-t", "filter"}, text);
  CHECK(node.ask("10.96.7.11", 80) == "shop/empty:http cluster 10.96.7.11:80 >");
  CHECK(node.gaps(kServicesUnreadable) == 0);
}

TEST_CASE("an address of its own goes before a NodePort of another ruleset") {
  Node node;
  node.generation(1);
  node.legacy(false, "nat\n");
  node.there(nft_chain_request({NFPROTO_IPV4, "nat"}, "KUBE-SERVICES"));
  node.command({"iptables-nft-save", "-t", "nat"}, test::service_fixture("new-nft.save"));
  std::string other = test::service_fixture("new-legacy.save");
  const std::string from = "10.96.7.8/32", port = "--dport 80 ";
  for (auto at = other.find(from); at != std::string::npos; at = other.find(from, at)) other.replace(at, from.size(), "172.18.0.3/32");
  for (auto at = other.find(port); at != std::string::npos; at = other.find(port, at)) other.replace(at, port.size(), "--dport 30080 ");
  node.command({"iptables-legacy-save", "-t", "nat"}, other);
  CHECK(node.ask("172.18.0.3", 30080, true) == "shop/web:http cluster 172.18.0.3:30080 > 10.244.0.5:8080 10.244.1.6:8080");
  // The forged comments of both, and nothing else.
  CHECK(node.gaps(kServicesContradict) == 2);
}

TEST_CASE("a plain iptables-save is asked which backend it is of") {
  Node node;
  node.legacy(false, "nat\n");
  node.command({"iptables-save", "-V"}, "iptables-save v1.8.9 (nf_tables)\n");
  node.command({"iptables-save", "-t", "nat"}, test::service_fixture("new-legacy.save"));
  CHECK(node.ask("10.96.7.8", 80) == "");
  CHECK(node.gaps(kServicesUnreadable) == 1);
  node.command({"iptables-save", "-V"}, "iptables-save v1.8.9 (legacy)\n");
  CHECK(node.ask("10.96.7.8", 80) != "");
  CHECK(node.gaps(kServicesUnreadable) == 0);
}

TEST_CASE("what cannot be read is a gap, and the rest is read") {
  Node node;
  node.generation(1);
  node.legacy(false, "nat\nfilter\n");
  node.command({"iptables-legacy-save", "-t", "nat"}, test::service_fixture("new-legacy.save"));
  node.command({"iptables-legacy-save", "-t", "filter"}, "", 1);
  node.answer(nft_table_request({NFPROTO_IPV4, "kube-proxy"}), Error{ErrorKind::Permission, "netlink", "not permitted", ""});
  node.machine().netns(kNetns).failures.emplace("/proc/thread-self/net/ip_vs", Error{ErrorKind::BadData, "ip_vs", "too long", ""});
  CHECK(node.ask("10.96.7.8", 80) != "");
  // Table filter, nf_tables itself, ipvs.
  CHECK(node.gaps(kServicesUnreadable) == 3);
  node.machine().netns(kNetns).entering = Error{ErrorKind::Permission, "cannot enter", "not permitted", ""};
  ServiceBook book;
  CHECK(!book.find(node.machine(), machine::NetnsHandle{UniqueFd{}, kNetns}, 42, endpoint("10.96.7.8", 80), false, 1));
}

TEST_CASE("a table that iptables cannot print is a gap, since kube-proxy's chain is known to be there") {
  Node node;
  node.generation(1);
  node.there(nft_chain_request({NFPROTO_IPV4, "nat"}, "KUBE-SERVICES"));
  node.command({"iptables-nft-save", "-t", "nat"}, "# Table `nat' is incompatible, use 'nft' tool.\n");
  CHECK(node.ask("10.96.7.8", 80) == "");
  CHECK(node.gaps(kServicesUnreadable) == 1);
  // It is asked again, but not each time that something changes.
  node.generation(2);
  CHECK(node.ask_again("10.96.7.8", 80, 10 * kSecond) == "");
  CHECK(node.machine().ran().size() == 1);
  CHECK(node.ask_again("10.96.7.8", 80, 31 * kSecond) == "");
  CHECK(node.machine().ran().size() == 2);
}

TEST_CASE("iptables-nft is read again when the rules changed, and only then; iptables-legacy after a while") {
  Node node;
  node.generation(1);
  node.there(nft_chain_request({NFPROTO_IPV4, "nat"}, "KUBE-SERVICES"));
  std::string text = test::service_fixture("new-nft.save");
  node.command({"iptables-nft-save", "-t", "nat"}, text);
  CHECK(node.ask("10.96.7.8", 80) != "");
  CHECK(node.ask_again("10.96.7.8", 80, 3600 * kSecond) != "");
  CHECK(node.machine().ran().size() == 1);
  const auto at = text.find("-A KUBE-SERVICES -d 10.96.7.8/32");
  text.insert(at, "-A KUBE-SERVICES -d 10.96.7.99/32 " + text.substr(at + 33, text.find('\n', at) - at - 32));
  node.command({"iptables-nft-save", "-t", "nat"}, text);
  CHECK(node.ask_again("10.96.7.99", 80, 3601 * kSecond) == "");
  node.generation(2);
  CHECK(node.ask_again("10.96.7.99", 80, 3602 * kSecond) != "");
  CHECK(node.machine().ran().size() == 2);
  // How long it rests grows with what there is to read.
  node.generation(3);
  CHECK(node.ask_again("10.96.7.99", 80, 3602 * kSecond + static_cast<DurationNs>(text.size()) * 999) != "");
  CHECK(node.machine().ran().size() == 2);
  CHECK(node.ask_again("10.96.7.99", 80, 3602 * kSecond + static_cast<DurationNs>(text.size()) * 1001) != "");
  CHECK(node.machine().ran().size() == 3);
  Node old;
  old.generation(1);
  old.legacy(false, "nat\n");
  old.command({"iptables-legacy-save", "-t", "nat"}, test::service_fixture("new-legacy.save"));
  CHECK(old.ask("10.96.7.8", 80) != "");
  old.generation(2);
  CHECK(old.ask_again("10.96.7.8", 80, 29 * kSecond) != "");
  CHECK(old.machine().ran().size() == 1);
  CHECK(old.ask_again("10.96.7.8", 80, 31 * kSecond) != "");
  CHECK(old.machine().ran().size() == 2);
  // Where the kernel does otherwise, sooner.
  old.doubt(32 * kSecond);
  CHECK(old.ask_again("10.96.7.8", 80, 32 * kSecond) != "");
  CHECK(old.machine().ran().size() == 2);
  old.doubt(34 * kSecond);
  CHECK(old.ask_again("10.96.7.8", 80, 34 * kSecond) != "");
  CHECK(old.machine().ran().size() == 3);
}

TEST_CASE("other ports of an address that has none at the one that was asked for") {
  Node node;
  node.generation(1);
  node.there(nft_chain_request({NFPROTO_IPV4, "nat"}, "KUBE-SERVICES"));
  node.command({"iptables-nft-save", "-t", "nat"}, test::service_fixture("new-nft.save"));
  CHECK(node.ask("10.96.7.8", 8080) == "");
  REQUIRE(node.others().size() == 1);
  CHECK(node.others()[0].address.port == 80);
  CHECK(node.ask_again("10.96.7.8", 80, 2) != "");
  CHECK(node.others().empty());
}

TEST_CASE("real rules in a real namespace: kube-proxy's own, loaded with every tool, and no table made by looking") {
  test::RuleLab lab;
  if (!lab.usable()) return;
  machine::RealMachine machine;
  ServiceBook book;
  std::string source;
  MonotonicNs now = 1;
  const auto ask = [&](const char* address, std::uint16_t port) {
    const auto found = book.find(machine, lab.netns(), 0, endpoint(address, port), false, now += kSecond);
    REQUIRE(found);
    for (const auto& gap : book.gaps()) CHECK(gap.code != kServicesUnreadable);
    source = *found ? (*found)->source : "";
    return *found ? described(**found) : "";
  };
  const auto tables = [&] { return lab.sh("nft list tables; cat /proc/self/net/ip_tables_names /proc/self/net/ip6_tables_names || true"); };
  CHECK(ask("10.96.7.8", 80) == "");
  CHECK(ask("fd00:10:96::7:8", 80) == "");
  CHECK(tables() == "");
  const std::string fixtures = std::string{SYNFATE_FIXTURES} + "/services/";
  const std::string web = "shop/web:http cluster 10.96.7.8:80 > 10.244.0.5:8080 10.244.1.6:8080";
  lab.sh("iptables-nft-restore < " + fixtures + "old-nft.save; ip6tables-nft-restore < " + fixtures + "ip6-nft.save");
  const std::string before = tables();
  // Known at once, since the rules have another generation.
  CHECK(ask("10.96.7.8", 80) == web);
  CHECK(source.find("iptables-legacy") == std::string::npos);
  CHECK(ask("fd00:10:96::7:8", 80) == "shop/web:http cluster [fd00:10:96::7:8]:80 > [fd00:10:244::5]:8080 [fd00:10:244:1::6]:8080");
  CHECK(tables() == before);
  lab.sh("iptables-legacy-restore < " + fixtures + "new-legacy.save");
  now += 31 * kSecond;
  CHECK(ask("10.96.7.8", 80) == web);
  CHECK(source.find("iptables-nft") != std::string::npos);
  CHECK(source.find("iptables-legacy") != std::string::npos);
  lab.sh("nft -f " + fixtures + "table-ip.nft");
  CHECK(ask("10.96.7.8", 80) == web);
  CHECK(source.find("table kube-proxy") != std::string::npos);
  lab.sh("iptables-nft -t nat -F KUBE-SERVICES; nft delete table ip kube-proxy; iptables-legacy -t nat -F KUBE-SERVICES");
  now += 31 * kSecond;
  CHECK(ask("10.96.7.8", 80) == "");
}
