// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Targets "services_iptables", "services_nft" and "services_ipvs": kube-proxy's rules, as far as anybody who may write a rule can shape
// them.
#include <algorithm>
#include <functional>
#include <set>
#include <string>

#include "../unit/inventory/nft_messages.hpp"
#include "inventory/services.hpp"
#include "inventory/sha256.hpp"
#include "targets.hpp"

namespace synfate::fuzz {
namespace {

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

namespace {

/// Answers each request with the next messages of a text, as many as its first byte says.
class Scripted final : public machine::NetnsVisit {
 public:
  explicit Scripted(std::string_view script) : script_(script) {}

  Result<bool> netlink_each(const machine::NetlinkRequest& request, std::size_t,
                            const std::function<void(std::string_view)>& take) override {
    // There is a table and one generation, or nothing would be asked for.
    if (request.type % 256 == NFT_MSG_GETTABLE) take(test::nft_message(NFT_MSG_NEWTABLE, ""));
    if (request.type % 256 != NFT_MSG_GETRULE && request.type % 256 != NFT_MSG_GETSETELEM) return true;
    require(++asked_ < 20'000, "it ends");
    if (script_.empty()) return Error{ErrorKind::Gone, "", "", ""};
    int messages = script_.front() % 4;
    for (script_.remove_prefix(1); messages > 0 && script_.size() >= 2; --messages) {
      const std::size_t size =
          std::min<std::size_t>(static_cast<std::uint8_t>(script_[0]) << 8U | static_cast<std::uint8_t>(script_[1]), script_.size() - 2);
      take(test::nft_message(request.type % 256 == NFT_MSG_GETRULE ? NFT_MSG_NEWRULE : NFT_MSG_NEWSETELEM, script_.substr(2, size)));
      script_.remove_prefix(2 + size);
    }
    return true;
  }
  Result<std::string> read_file(const std::string&, const machine::ReadOptions&) override { return nothing(); }
  Result<machine::NetlinkReply> netlink_dump(const machine::NetlinkRequest&, std::size_t) override { return nothing(); }
  Result<std::optional<std::uint32_t>> nsid_of(const machine::NetnsHandle&) override { return nothing(); }
  Result<std::vector<std::uint32_t>> bpf_programs_of_device(std::uint32_t, std::uint32_t) override { return nothing(); }
  Result<std::uint64_t> cookie() override { return nothing(); }
  Result<machine::XtTableBytes> xt_table(int, const std::string&, std::size_t) override { return nothing(); }

 private:
  static Error nothing() { return {ErrorKind::Unsupported, "", "", ""}; }

  std::string_view script_;
  int asked_ = 0;
};

std::string answer(const std::vector<std::string>& messages) {
  std::string script{static_cast<char>(messages.size())};
  for (const std::string& message : messages) {
    const std::string attributes = message.substr(sizeof(nlmsghdr) + sizeof(nfgenmsg));
    script += static_cast<char>(attributes.size() >> 8U);
    script += static_cast<char>(attributes.size());
    script += attributes;
  }
  return script;
}

}  // namespace

void run_services_nft(std::span<const std::byte> input) {
  for (const char* address : {"10.0.0.1", "fd00::1"}) {
    Scripted kernel{text_of(input)};
    auto found = inventory::find_nft_service(kernel, {*model::parse_ip(address), 80}, true);
    inventory::ServiceTable table;
    if (found.port) table.ports.push_back(*std::move(found.port));
    check(table, address[0] == 'f' ? 6 : 4);
  }
}

std::vector<Bytes> services_nft_seeds() {
  const std::string service = "service-" + inventory::sha256_base32("a/b/tcp/c", 8) + "-a/b/tcp/c";
  const std::string end = "endpoint-AAAAAAAA-a/b/tcp/c__10.1.0.1/80";
  const std::string key("\x0a\0\0\1\6\0\0\0\0\x50\0\0", 12);
  const std::string to = test::nft_verdict(NFT_GOTO, service);
  return {bytes_of(answer({test::nft_elements(test::nft_element(key, to, "a/b:c"))}) + answer({}) +
                   answer({test::nft_rule(service, test::nft_vmap("__map1"))}) +
                   answer({test::nft_elements(test::nft_element("1234", test::nft_verdict(NFT_GOTO, end)))}) +
                   answer({test::nft_rule(end, test::nft_dnat(std::string("\x0a\1\0\1", 4), std::string("\0\x50", 2)))})),
          bytes_of(answer({}) + answer({test::nft_elements(test::nft_element(key, test::nft_verdict(0, ""), "a/d"))}))};
}

void run_services_ipvs(std::span<const std::byte> input) { check(inventory::parse_ipvs_services(text_of(input)), 0); }

std::vector<Bytes> services_ipvs_seeds() {
  return {bytes_of(
      "IP Virtual Server version 1.2.1 (size=4096)\nProt LocalAddress:Port Scheduler Flags\n  -> RemoteAddress:Port Forward Weight "
      "ActiveConn InActConn\nTCP  0A600001:01BB rr \n  -> AC120002:192B      Masq    1      3          0         \n"
      "TCP  [fd00:0010:0096:0000:0000:0000:0007:0008]:0050 rr \n")};
}

}  // namespace synfate::fuzz
