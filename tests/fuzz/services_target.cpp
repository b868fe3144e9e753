// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Targets "services_iptables", "services_nft" and "services_ipvs": kube-proxy's rules, as far as anybody who may write a rule can shape
// them.
#include <algorithm>
#include <set>
#include <string>

#include "inventory/services.hpp"
#include "inventory/sha256.hpp"
#include "targets.hpp"

namespace synfate::fuzz {
namespace {

std::string_view text_of(std::span<const std::byte> input) { return {reinterpret_cast<const char*>(input.data()), input.size()}; }

Bytes bytes_of(const std::string& text) {
  const auto bytes = std::as_bytes(std::span(text));
  return {bytes.begin(), bytes.end()};
}

bool is_plain(const std::string& text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.'; });
}

void check(const inventory::ServiceTable& table, std::uint8_t family) {
  std::set<model::Endpoint> addresses;
  for (const auto& port : table.ports) {
    require(addresses.insert(port.address).second, "an address is one port's");
    require(port.address.port != 0 && port.address.address.family != 0, "a port has an address");
    require(is_plain(port.namespace_name) && is_plain(port.name) && is_plain(port.port_name), "a name is Kubernetes'");
    require(port.name.empty() == port.namespace_name.empty(), "a name is whole or none");
    require(!port.source.empty(), "a port has a source");
    for (const auto& endpoint : port.endpoints) {
      require(endpoint.port != 0 && endpoint.address.family != 0, "an endpoint is one");
      require(family == 0 || endpoint.address.family == family, "an endpoint is of the table's family");
    }
  }
  const inventory::ServiceIndex index{table.ports};
  for (const auto& port : table.ports) {
    const bool node_port = port.kind == model::ServicePort::Kind::NodePort;
    require(index.find(port.address, node_port) != nullptr || port.address.address == model::IpAddress{port.address.address.family, {}},
            "a port is found");
  }
}

}  // namespace

void run_services_iptables(std::span<const std::byte> input) {
  const std::string_view text = text_of(input);
  check(inventory::parse_iptables_services(text, text, "iptables-nft"), 4);
  check(inventory::parse_iptables_services(text, text, "ip6tables-legacy"), 6);
}

std::vector<Bytes> services_iptables_seeds() {
  const std::string chain = inventory::sha256_base32("a/b:ctcp", 16);
  return {bytes_of(
      "*nat\n:KUBE-SERVICES - [0:0]\n-A KUBE-SERVICES -d 10.0.0.1/32 -p tcp -m comment --comment \"a/b:c cluster IP\" -m tcp --dport 80 -j "
      "KUBE-SVC-" +
      chain + "\n-A KUBE-NODEPORTS -p tcp -m comment --comment \"a/b:c\" -m tcp --dport 30000 -j KUBE-EXT-" + chain + "\n-A KUBE-EXT-" +
      chain + " -j KUBE-SVC-" + chain + "\n-A KUBE-SVC-" + chain +
      " -j KUBE-SEP-X\n-A KUBE-SEP-X -p tcp -j DNAT "
      "--to-destination 10.1.0.1:80\nCOMMIT\n*filter\n-A KUBE-EXTERNAL-SERVICES -p tcp -m addrtype --dst-type LOCAL -m comment "
      "--comment \"a/d has no endpoints\" -m tcp --dport 1 -j REJECT\nCOMMIT\n")};
}

void run_services_nft(std::span<const std::byte> input) { check(inventory::parse_nft_services(text_of(input)), 0); }

std::vector<Bytes> services_nft_seeds() {
  const std::string service = "service-" + inventory::sha256_base32("a/b/tcp/c", 8) + "-a/b/tcp/c";
  const std::string end = "endpoint-AAAAAAAA-a/b/tcp/c__10.1.0.1/80";
  return {bytes_of(
      R"({"nftables":[{"map":{"family":"ip","name":"service-ips","table":"kube-proxy","elem":[[{"concat":["10.0.0.1","tcp",80]},)"
      R"({"goto":{"target":")" +
      service + R"("}}]]}},{"rule":{"family":"ip","table":"kube-proxy","chain":")" + service +
      R"(","expr":[{"vmap":{"data":{"set":[[0,{"goto":{"target":")" + end +
      R"("}}]]}}}]}},{"rule":{"family":"ip","table":)"
      R"("kube-proxy","chain":")" +
      end +
      R"(","expr":[{"dnat":{"addr":"10.1.0.1","port":80}}]}},{"map":{"family":"ip","name":)"
      R"("no-endpoint-nodeports","table":"kube-proxy","elem":[[{"elem":{"val":{"concat":["tcp",1]},"comment":"a/d"}},{"drop":null})"
      "]]}}]}")};
}

void run_services_ipvs(std::span<const std::byte> input) { check(inventory::parse_ipvs_services(text_of(input)), 0); }

std::vector<Bytes> services_ipvs_seeds() {
  return {bytes_of(
      "IP Virtual Server version 1.2.1 (size=4096)\nProt LocalAddress:Port Scheduler Flags\n  -> RemoteAddress:Port Forward Weight "
      "ActiveConn InActConn\nTCP  0A600001:01BB rr \n  -> AC120002:192B      Masq    1      3          0         \n"
      "TCP  [fd00:0010:0096:0000:0000:0000:0007:0008]:0050 rr \n")};
}

}  // namespace synfate::fuzz
