// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// kube-proxy in its mode nftables: services without endpoints are elements of verdict maps, and the element's comment is what names them.
#include <algorithm>

#include "judge/means/recognisers.hpp"

namespace synfate::judge {
namespace {

using model::Means;

/// Of `10.96.0.10 . tcp . 53 comment "ns/svc:port" : VERDICT`, where that is its verdict and it is the only one with a comment.
std::optional<ServiceName> service_of_element(std::string_view element, std::string_view verdict) {
  constexpr std::string_view kComment = " comment \"";
  const std::size_t at = element.find(kComment);
  if (at == std::string_view::npos || element.find(kComment, at + 1) != std::string_view::npos) return std::nullopt;
  if (element.substr(0, at).find('"') != std::string_view::npos) return std::nullopt;
  const auto name = between(element.substr(at + kComment.size()), "", "\" : " + std::string{verdict});
  return name ? service_name(*name) : std::nullopt;
}

bool asks_map(std::string_view text, std::string_view map) { return text.ends_with(" vmap @" + std::string{map}); }

std::optional<Means> without_endpoints(const RuleContext& context, const NftShape& shape) {
  const model::RuleRef& rule = context.rule;
  if (rule.chain == "reject-chain" && shape.text().starts_with("reject") && shape.verb() == Verb::Reject && shape.match().empty()) {
    if (const auto service = service_of_element(rule.via, "goto reject-chain")) {
      return service_means(context, *service, "has no ready endpoint");
    }
    return Means{"Service", "kube-proxy", "", "",
                 "a service has no ready endpoint; which one the rule does not name, and the map element that led to it is not known"};
  }
  const bool services = rule.chain == "service-endpoints-check" && asks_map(shape.text(), "no-endpoint-services");
  const bool node_ports = rule.chain == "nodeport-endpoints-check" && asks_map(shape.text(), "no-endpoint-nodeports");
  if (!services && !node_ports) return std::nullopt;
  if (const auto service = service_of_element(rule.element, "drop")) {
    return service_means(context, *service,
                         node_ports ? "has no ready endpoint on this node, and externalTrafficPolicy is Local (asked for by its NodePort)"
                                    : "has no ready endpoint on this node, and the traffic policy of what was asked for is Local");
  }
  return Means{
      "Service", "kube-proxy", "", "",
      "a service has no ready endpoint on this node, and its traffic policy is Local; which one is not known without the map element"};
}

/// firewall-HASH8-namespace/name/protocol/port; a name that was too long ends in dots and says nothing.
std::optional<ServiceName> service_of_chain(std::string_view chain) {
  const auto rest = between(chain, "firewall-", "");
  if (!rest || rest->size() < 10 || (*rest)[8] != '-') return std::nullopt;
  const std::string_view hash = rest->substr(0, 8);
  const bool is_hash = std::all_of(hash.begin(), hash.end(), [](char c) { return (c >= 'A' && c <= 'Z') || (c >= '2' && c <= '7'); });
  const std::string_view id = rest->substr(9);
  for (const std::string_view protocol : {"/tcp/", "/udp/", "/sctp/"}) {
    const std::size_t at = id.find(protocol);
    if (!is_hash || at == std::string_view::npos) continue;
    const std::string_view port = id.substr(at + protocol.size());
    return service_name(std::string{id.substr(0, at)} + (port.empty() ? "" : ":" + std::string{port}));
  }
  return std::nullopt;
}

std::optional<Means> source_ranges(const RuleContext& context, const NftShape& shape) {
  const auto match = shape.match();
  if (shape.verb() != Verb::Drop || !(match.starts_with("ip saddr != ") || match.starts_with("ip6 saddr != "))) return std::nullopt;
  const auto service = service_of_chain(context.rule.chain);
  if (!service) return std::nullopt;
  return service_means(context, *service, "does not admit this source: it is in none of its loadBalancerSourceRanges");
}

std::optional<Means> unused_addresses(const RuleContext& context, const NftShape& shape) {
  if (context.rule.chain != "cluster-ips-check") return std::nullopt;
  const std::string_view match = shape.match();
  if (shape.verb() == Verb::Reject && (match == "ip daddr @cluster-ips" || match == "ip6 daddr @cluster-ips") &&
      shape.comment() == "Reject traffic to invalid ports of ClusterIPs") {
    return Means{"Service", "kube-proxy", "", "",
                 "the address is a service's ClusterIP, but the port is none of that service's; the rule does not name the service"};
  }
  if (shape.verb() == Verb::Drop && (match.starts_with("ip daddr ") || match.starts_with("ip6 daddr ")) &&
      shape.comment() == "Drop traffic to unallocated ClusterIPs") {
    return Means{"Service", "kube-proxy", "", "", "the address is in the range of ClusterIPs, but no service has it"};
  }
  return std::nullopt;
}

}  // namespace

std::optional<Means> kube_proxy_nft_means(const RuleContext& context) {
  const auto shape = nft_rule(context.rule, "kube-proxy");
  if (!shape || (context.rule.family != "ip" && context.rule.family != "ip6")) return std::nullopt;
  if (auto means = without_endpoints(context, *shape)) return means;
  if (auto means = source_ranges(context, *shape)) return means;
  return unused_addresses(context, *shape);
}

}  // namespace synfate::judge
