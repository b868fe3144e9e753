// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Antrea's policies for nodes, which it has in iptables. Those for pods are flows of Open vSwitch: no rule drops by them.
#include <algorithm>

#include "judge/means/recognisers.hpp"

namespace synfate::judge {
namespace {

using model::Means;

constexpr std::string_view kKind = "AntreaClusterNetworkPolicy";

/// The rule's name before it is free text, so it is the last that counts.
std::string_view policy_of(std::string_view comment) {
  constexpr std::string_view kPolicy = ", policy ";
  if (!comment.starts_with("Antrea: for rule ")) return {};
  const std::size_t at = comment.rfind(kPolicy);
  return at == std::string_view::npos ? std::string_view{} : comment.substr(at + kPolicy.size());
}

bool is_rule_chain(std::string_view chain) {
  const auto id = between(chain, "ANTREA-POL-", "");
  return id && id->size() == 16 &&
         std::all_of(id->begin(), id->end(), [](char c) { return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'F'); });
}

}  // namespace

std::optional<Means> antrea_means(const RuleContext& context) {
  const auto shape = xt_rule(context.rule, "filter");
  if (!shape || shape->verb() == Verb::Other) return std::nullopt;
  const bool core = shape->chain() == "ANTREA-POL-INGRESS-RULES" || shape->chain() == "ANTREA-POL-EGRESS-RULES";
  if (!core) {
    if (!is_rule_chain(shape->chain()) || !shape->comments().empty()) return std::nullopt;
    return Means{std::string{kKind}, "antrea", "", "", "a policy of Antrea for this node denies it; this rule does not name the policy"};
  }
  const std::string_view policy = policy_of(shape->comment());
  if (policy.empty()) return std::nullopt;
  const auto name = between(policy, std::string{kKind} + ":", "");
  if (!name || !is_subdomain(*name)) {
    return Means{std::string{kKind}, "antrea", "", "", "a policy of Antrea for this node denies it; its name is not understood"};
  }
  return Means{std::string{kKind}, "antrea", "", std::string{*name},
               "policy " + std::string{*name} + ", which is for this node, denies it"};
}

}  // namespace synfate::judge
