// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// kube-proxy's nftables mode: maps of its own table lead from an address to a chain whose name tells the service, and on to endpoints. The
// kernel is asked for the one element and the few chains behind it, as it would look them up for a packet; no tool, and nothing is kept.
#include <endian.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <set>

#include "base/text.hpp"
#include "inventory/attributes.hpp"
#include "inventory/nft_facts.hpp"
#include "inventory/nft_objects.hpp"
#include "inventory/service_parts.hpp"
#include "inventory/sha256.hpp"

namespace synfate::inventory {
namespace {

using Kind = model::ServicePort::Kind;

constexpr const char* kTable = "kube-proxy";
constexpr std::size_t kHashCharacters = 8;
/// kube-proxy cuts longer names, and with them what the hash is of.
constexpr std::size_t kCutLength = 240;
constexpr std::size_t kMaxElementBytes = 64U << 10U;
constexpr std::size_t kMaxChainBytes = 4U << 20U;
/// Of one service: its own chains and one for each endpoint.
constexpr std::size_t kMaxChains = 1024;
/// While the rules change; kube-proxy's transactions are a second apart at the least.
constexpr int kAttempts = 3;

/// "service-ULMVA6XW-ns1/svc1/tcp/p80" taken apart.
struct ChainName {
  std::string_view kind;  ///< "service"
  std::string_view hash;
  std::string_view rest;

  explicit ChainName(std::string_view chain) {
    for (const std::string_view known : {"service", "local", "external", "firewall", "endpoint"}) {
      const std::size_t begin = known.size() + 1;
      if (!chain.starts_with(known) || chain.size() < begin + kHashCharacters + 2) continue;
      if (chain[known.size()] != '-' || chain[begin + kHashCharacters] != '-') continue;
      kind = known;
      hash = chain.substr(begin, kHashCharacters);
      rest = chain.substr(begin + kHashCharacters + 1);
    }
  }

  /// What was not cut and has the hash of what it says.
  std::optional<ServiceName> service() const {
    const auto parts = split(rest, '/');
    if (kind.empty() || rest.size() > kCutLength || parts.size() != 4 || parts[2] != "tcp") return std::nullopt;
    if (sha256_base32(rest, kHashCharacters) != hash) return std::nullopt;
    return parse_service_name(std::string{parts[0]} + "/" + std::string{parts[1]} + ":" + std::string{parts[3]});
  }
};

std::optional<model::IpAddress> address_of(std::string_view bytes, std::uint8_t family) {
  model::IpAddress address;
  address.family = family;
  if (bytes.size() != (family == 4 ? 4U : 16U)) return std::nullopt;
  std::copy(bytes.begin(), bytes.end(), address.bytes.begin());
  return address;
}

/// Each part of a key has whole registers.
std::string key_of(const model::Endpoint& dialled, bool node_port) {
  constexpr char kTcp = 6;
  std::string key;
  if (!node_port) {
    key.assign(reinterpret_cast<const char*>(dialled.address.bytes.data()), dialled.address.family == 4 ? 4 : 16);
  }
  return key + std::string{kTcp, 0, 0, 0, static_cast<char>(dialled.port >> 8U), static_cast<char>(dialled.port), 0, 0};
}

/// What a chain's rules do that matters here.
struct Ways {
  std::vector<std::string> chains;
  std::vector<model::Endpoint> endpoints;
};

/// One look-up, whose answers may be of different generations; whoever asks sees to it that they are not.
class Asking {
 public:
  Asking(machine::NetnsVisit& visit, const NftTable& table, std::uint8_t family) : visit_(visit), table_(table), family_(family) {}

  NftService find(const model::Endpoint& dialled, bool address_of_node) {
    NftService found = at(dialled, false);
    if (!found.port && address_of_node) found = at(dialled, true);
    const auto gap = [&](const char* code, const std::string& why) {
      found.gaps.push_back({code, std::string{"nftables, table kube-proxy: "} + why});
    };
    if (refused_) gap(kServicesUnreadable, to_string(*refused_));
    if (odd_) gap(kServicesPartial, "a service leads to a chain that is not of kube-proxy's kind");
    if (partial_) gap(kServicesPartial, "there are more endpoints than are read");
    if (found.port && found.port->name.empty()) gap(kServicesUnnamed, "a service port has no name that its chain proves");
    return found;
  }

 private:
  NftService at(const model::Endpoint& dialled, bool node_port) {
    const std::string key = key_of(dialled, node_port);
    const auto entry = element(node_port ? "service-nodeports" : "service-ips", key);
    const auto refusal = element(node_port ? "no-endpoint-nodeports" : "no-endpoint-services", key);
    if (!entry && !refusal) return {};
    model::ServicePort port;
    port.address = node_port ? any_address(family_, dialled.port) : dialled;
    const std::string target = entry && entry->verdict ? entry->verdict->chain : "";
    const ChainName chain{target};
    if (entry && chain.kind.empty()) odd_ = true;
    const bool internal = !chain.kind.empty() && chain.kind != "external";
    port.kind = node_port ? Kind::NodePort : kind_of(dialled, key, internal);
    port.source = "nftables, table kube-proxy, ";
    // A local port that leads nowhere here may have endpoints for others.
    const std::string said =
        !refusal ? ""
                 : std::string{"map no-endpoint-"} + (node_port ? "nodeports: " : "services: ") +
                       (refusal->verdict && refusal->verdict->code == NF_DROP ? "has no local endpoints" : "has no endpoints");
    if (!chain.kind.empty()) {
      port.source += target + (said.empty() ? "" : "; " + said);
      port.endpoints = endpoints(target);
      if (const auto name = chain.service()) set_name(port, *name);
    } else if (refusal) {
      // Its verdict is for all such ports, so that nothing proves the name.
      port.source += said + ", by its comment alone";
      if (const auto name = parse_service_name(refusal->comment)) set_name(port, *name);
    } else {
      return {};
    }
    return {std::move(port), {}};
  }

  Kind kind_of(const model::Endpoint& dialled, const std::string& key, bool internal) {
    if (internal || element("cluster-ips", key.substr(0, dialled.address.family == 4 ? 4 : 16))) return Kind::ClusterIp;
    // What has a firewall is a load balancer's; not every load balancer's address has one.
    return element("firewall-ips", key) ? Kind::LoadBalancer : Kind::External;
  }

  std::optional<NftElement> element(const std::string& set, const std::string& key) {
    std::optional<NftElement> found;
    ask(nft_element_request(table_, set, key), kMaxElementBytes, [&](std::string_view message) {
      decode_nft_elements(message, [&](const NftElement& each) {
        if (each.key == key) found = each;
      });
    });
    if (found) found->attributes = {};
    return found;
  }

  /// Where the chain leads in the end; sorted, each once.
  std::vector<model::Endpoint> endpoints(const std::string& first) {
    std::vector<model::Endpoint> found;
    std::set<std::string> seen{first};
    std::vector<std::string> waiting{first};
    while (!waiting.empty()) {
      const std::string chain = std::move(waiting.back());
      waiting.pop_back();
      Ways ways = ways_of(chain);
      found.insert(found.end(), ways.endpoints.begin(), ways.endpoints.end());
      for (std::string& next : ways.chains) {
        if (ChainName{next}.kind.empty() || seen.contains(next)) continue;
        partial_ = partial_ || seen.size() == kMaxChains;
        if (seen.size() == kMaxChains) break;
        seen.insert(next);
        waiting.push_back(std::move(next));
      }
    }
    std::sort(found.begin(), found.end());
    found.erase(std::unique(found.begin(), found.end()), found.end());
    return found;
  }

  Ways ways_of(const std::string& chain) {
    Ways ways;
    std::vector<std::string> maps;
    ask(nft_rules_request(table_, chain), kMaxChainBytes, [&](std::string_view message) {
      const auto rule = decode_nft_rule(message);
      if (rule && rule->chain == chain) read(*rule, ways, maps);
    });
    for (const std::string& map : maps) {
      ask(nft_elements_request(table_, map), kMaxChainBytes, [&](std::string_view message) {
        decode_nft_elements(message, [&](const NftElement& each) {
          if (each.verdict && !each.verdict->chain.empty()) ways.chains.push_back(each.verdict->chain);
        });
      });
    }
    return ways;
  }

  void read(const NftRule& rule, Ways& ways, std::vector<std::string>& maps) const {
    std::array<std::string, 32> registers;
    const auto loaded = [&](const Attributes& attributes, std::uint16_t type) -> std::string_view {
      const auto number = attributes.u32(type);
      return number && be32toh(*number) < registers.size() ? std::string_view{registers[be32toh(*number)]} : std::string_view{};
    };
    for (const NftExpression& expression : rule.expressions) {
      const Attributes attributes{std::string_view{expression.data}};
      if (const auto verdict = immediate_verdict(expression)) {
        if (!verdict->chain.empty()) ways.chains.push_back(verdict->chain);
      } else if (expression.name == "immediate") {
        const auto number = attributes.u32(NFTA_IMMEDIATE_DREG);
        if (number && be32toh(*number) < registers.size()) {
          registers[be32toh(*number)] = attributes.nested(NFTA_IMMEDIATE_DATA).bytes(NFTA_DATA_VALUE);
        }
      } else if (expression.name == "lookup") {
        const std::string set = attributes.text(NFTA_LOOKUP_SET, NFT_NAME_MAXLEN);
        // Sets without a name are a rule's own; those with one lead to other services, or say who has been here before.
        if (attributes.has(NFTA_LOOKUP_DREG) && set.starts_with("__map")) maps.push_back(set);
      } else if (expression.name == "nat") {
        const auto address = address_of(loaded(attributes, NFTA_NAT_REG_ADDR_MIN), family_);
        const std::string_view port = loaded(attributes, NFTA_NAT_REG_PROTO_MIN);
        if (!address || port.size() != 2) continue;
        const auto number = static_cast<std::uint16_t>(static_cast<std::uint8_t>(port[0]) << 8U | static_cast<std::uint8_t>(port[1]));
        if (number != 0) ways.endpoints.push_back({*address, number});
      }
    }
  }

  void ask(const machine::NetlinkRequest& request, std::size_t max_bytes, const std::function<void(std::string_view)>& take) {
    const auto asked = visit_.netlink_each(request, max_bytes, take);
    // No such element, chain or table.
    if (!asked && asked.error().kind != ErrorKind::Gone && asked.error().kind != ErrorKind::Unsupported) refused_ = asked.error();
  }

  machine::NetnsVisit& visit_;
  const NftTable& table_;
  std::uint8_t family_;
  std::optional<Error> refused_;
  bool odd_ = false;
  bool partial_ = false;
};

}  // namespace

NftService find_nft_service(machine::NetnsVisit& visit, const model::Endpoint& dialled, bool address_of_node) {
  bool is_there = false;
  const NftTable table{static_cast<std::uint8_t>(dialled.address.family == 4 ? NFPROTO_IPV4 : NFPROTO_IPV6), kTable};
  const auto asked = visit.netlink_each(nft_table_request(table), kMaxElementBytes, [&](std::string_view) { is_there = true; });
  if (!asked && asked.error().kind != ErrorKind::Gone && asked.error().kind != ErrorKind::Unsupported) {
    return {std::nullopt, {{kServicesUnreadable, "nftables, table kube-proxy: " + to_string(asked.error())}}};
  }
  if (!is_there) return {};
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    const auto before = read_nft_generation(visit);
    NftService found = Asking{visit, table, dialled.address.family}.find(dialled, address_of_node);
    if (before == read_nft_generation(visit)) return found;
  }
  return {std::nullopt, {{kServicesUnreadable, "nftables, table kube-proxy: it kept changing while it was read"}}};
}

}  // namespace synfate::inventory
