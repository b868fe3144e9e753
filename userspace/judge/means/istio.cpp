// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Istio's redirection of a pod to its sidecar. It drops only what it was asked to (invalid packets), or where redirecting fails.
#include "judge/means/recognisers.hpp"

namespace synfate::judge {
namespace {

using model::Means;

Means invalid() {
  return {"Sidecar", "istio", "", "", "Istio was told to drop in the pod what conntrack calls invalid; no policy is involved"};
}

Means redirect(bool inbound) {
  return {"Sidecar", "istio", "", "",
          std::string{"Istio's rule sends "} + (inbound ? "incoming" : "outgoing") +
              " connections to the sidecar, and redirecting itself failed; no policy is involved"};
}

std::optional<Means> by_iptables(const model::RuleRef& rule) {
  if (const auto shape = xt_rule(rule, "mangle")) {
    const bool drops = shape->chain() == "ISTIO_DROP" && shape->verb() == Verb::Drop && shape->matches_only({});
    return drops ? std::optional{invalid()} : std::nullopt;
  }
  const auto shape = xt_rule(rule, "nat");
  if (!shape || shape->target() != "REDIRECT" || !shape->matches_only({"-p", "--to-ports"}) || shape->plain("-p") != "tcp")
    return std::nullopt;
  if (shape->chain() == "ISTIO_REDIRECT" && shape->plain("--to-ports") == "15001") return redirect(false);
  if (shape->chain() == "ISTIO_IN_REDIRECT" && shape->plain("--to-ports") == "15006") return redirect(true);
  return std::nullopt;
}

}  // namespace

std::optional<Means> istio_means(const RuleContext& context) {
  const model::RuleRef& rule = context.rule;
  if (is_iptables(rule)) return by_iptables(rule);
  if (rule.family != "inet" && rule.family != "ip" && rule.family != "ip6") return std::nullopt;
  if (const auto shape = nft_rule(rule, "istio-proxy-mangle")) {
    return rule.chain == "istio-drop" && shape->text() == "drop" ? std::optional{invalid()} : std::nullopt;
  }
  const auto shape = nft_rule(rule, "istio-proxy-nat");
  if (!shape) return std::nullopt;
  if (rule.chain == "istio-redirect" && shape->text() == "meta l4proto tcp redirect to :15001") return redirect(false);
  if (rule.chain == "istio-in-redirect" && shape->text() == "meta l4proto tcp redirect to :15006") return redirect(true);
  return std::nullopt;
}

}  // namespace synfate::judge
