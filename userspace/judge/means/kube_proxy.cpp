// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// kube-proxy in its modes iptables and ipvs. Its comments name the service; those of ipvs name none.
#include "judge/means/recognisers.hpp"

namespace synfate::judge {
namespace {

using model::Means;

/// Its own comment, which says of what service.
std::optional<ServiceName> told_of(const XtShape& shape, std::string_view words) {
  const auto text = between(shape.comment(), "", words);
  return text ? service_name(*text) : std::nullopt;
}

/// Of one address and port, or of a port on every address of the node.
bool of_one_port(const XtShape& shape) {
  if (shape.plain("--dport").empty() || shape.plain("-p").empty()) return false;
  if (shape.matches_only({"-p", "-d", "--dport"})) return !shape.plain("-d").empty();
  return shape.matches_only({"-p", "--dport", "--dst-type"}) && shape.plain("--dst-type") == "LOCAL";
}

std::string external_words(const XtShape& shape) { return shape.has("--dst-type") ? "NodePort" : "external or load balancer address"; }

std::optional<Means> without_endpoints(const RuleContext& context, const XtShape& shape) {
  const bool external = shape.chain() == "KUBE-EXTERNAL-SERVICES";
  if ((!external && shape.chain() != "KUBE-SERVICES") || !of_one_port(shape)) return std::nullopt;
  if (const auto service = told_of(shape, " has no endpoints"); service && shape.verb() == Verb::Reject) {
    return service_means(context, *service,
                         "has no ready endpoint" + (external ? " (asked for by its " + external_words(shape) + ")" : ""));
  }
  if (const auto service = told_of(shape, " has no local endpoints"); service && shape.verb() == Verb::Drop) {
    return service_means(
        context, *service,
        external ? "has no ready endpoint on this node, and externalTrafficPolicy is Local (asked for by its " + external_words(shape) + ")"
                 : "has no ready endpoint on this node, and internalTrafficPolicy is Local");
  }
  return std::nullopt;
}

std::optional<Means> source_ranges(const RuleContext& context, const XtShape& shape) {
  if (shape.chain() != "KUBE-PROXY-FIREWALL" || shape.verb() != Verb::Drop || !of_one_port(shape)) return std::nullopt;
  constexpr std::string_view kWords = " traffic not accepted by KUBE-FW-";
  const std::string_view comment = shape.comment();
  const std::size_t at = comment.find(kWords);
  if (at == std::string_view::npos || !is_hash16(comment.substr(at + kWords.size()))) return std::nullopt;
  const auto service = service_name(comment.substr(0, at));
  if (!service) return std::nullopt;
  return service_means(context, *service, "does not admit this source: it is in none of its loadBalancerSourceRanges");
}

/// Sets hold addresses and ports only.
std::optional<Means> by_ipvs(const XtShape& shape) {
  if (shape.chain() == "KUBE-SOURCE-RANGES-FIREWALL" && shape.verb() == Verb::Drop && shape.matches_only({})) {
    return Means{"Service", "kube-proxy", "", "",
                 "a load balancer's service does not admit this source: it is in none of its loadBalancerSourceRanges; in mode ipvs the "
                 "rule does not name the service"};
  }
  const bool no_port = shape.chain() == "KUBE-IPVS-FILTER" && shape.verb() == Verb::Reject &&
                       shape.matches_only({"--ctstate", "--match-set"}) && shape.plain("--ctstate") == "NEW" &&
                       (shape.plain("--match-set") == "KUBE-IPVS-IPS dst" || shape.plain("--match-set") == "KUBE-6-IPVS-IPS dst");
  if (!no_port) return std::nullopt;
  return Means{"Service", "kube-proxy", "", "",
               "it is an address of a service, but no port of any service there: in mode ipvs the rule does not name the service"};
}

}  // namespace

std::optional<Means> kube_proxy_means(const RuleContext& context) {
  const auto shape = xt_rule(context.rule, "filter");
  if (!shape) return std::nullopt;
  if (auto means = without_endpoints(context, *shape)) return means;
  if (auto means = source_ranges(context, *shape)) return means;
  if (shape->chain() == "KUBE-FORWARD" && shape->verb() == Verb::Drop && shape->only_invalid() && shape->comments().empty()) {
    return Means{"Firewall", "kube-proxy", "", "",
                 "kube-proxy forwards no packet that conntrack calls invalid, whatever its service; no policy is involved"};
  }
  return by_ipvs(*shape);
}

}  // namespace synfate::judge
