// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Azure NPM. Since its second version a policy's chain marks, and one rule drops what is marked: which policy that was is known only where
// no other could have marked.
#include <algorithm>

#include "judge/means/recognisers.hpp"
#include "judge/words.hpp"

namespace synfate::judge {
namespace {

using model::Means;

/// Of "INGRESS-POLICY-ns/name-TO-selectors-IN-ns-ns"; what a name may have in it ends before the first capital.
std::optional<ObjectName> policy_of(std::string_view comment, bool ingress) {
  const auto rest = between(comment, ingress ? "INGRESS-POLICY-" : "EGRESS-POLICY-", "");
  const std::size_t at = rest ? rest->find(ingress ? "-TO-" : "-FROM-") : std::string_view::npos;
  if (at == std::string_view::npos) return std::nullopt;
  const auto policy = object_name(rest->substr(0, at));
  return policy && rest->ends_with("-IN-ns-" + policy->namespace_name) ? policy : std::nullopt;
}

Means by_mark(const RuleContext& context, bool ingress, std::string_view mark) {
  const std::string whom = ingress ? "a policy on the destination pod" : "a policy on the source pod";
  const Means unnamed{"NetworkPolicy", "azure-npm", "", "", whom + " does not admit it; which one, this rule does not tell"};
  if (mark == "0x4000" || mark.starts_with("0x4000/")) {
    Means doubtful = unnamed;
    doubtful.text += ", and kube-proxy's mark for masquerading is the same (0x4000)";
    return doubtful;
  }
  if (find_rule(context) == context.chain.end()) return unnamed;
  std::vector<ObjectName> policies;
  for (const std::string_view line : context.chain) {
    const auto shape = XtShape::of(line);
    if (!shape) return unnamed;
    if (!shape->target().starts_with(context.rule.chain + "-") || shape->target().ends_with("-ALLOW-MARK")) continue;
    const auto policy = policy_of(shape->comment(), ingress);
    if (!policy) return unnamed;
    policies.push_back(*policy);
  }
  if (policies.size() != 1) return unnamed;
  const ObjectName& only = policies.front();
  return {"NetworkPolicy", "azure-npm", only.namespace_name, only.name,
          "policy " + only.namespace_name + "/" + only.name + " does not admit it: no other of this direction is on the node"};
}

/// Its first version dropped by selector.
std::optional<Means> by_selector(const XtShape& shape, bool ingress) {
  if (!shape.comment().starts_with("DROP-ALL") || !shape.has("--match-set")) return std::nullopt;
  const std::size_t at = shape.comment().rfind("-IN-ns-");
  const std::string_view space = at == std::string_view::npos ? std::string_view{} : shape.comment().substr(at + 7);
  const std::string whom = ingress ? "destination" : "source";
  if (!is_label(space))
    return Means{"NetworkPolicy", "azure-npm", "", "", "a policy isolates the " + whom + " pod; its rules name no policy"};
  return Means{"NetworkPolicy", "azure-npm", std::string{space}, "",
               "a policy in namespace " + std::string{space} + " isolates the " + whom + " pod; its rules name no policy"};
}

}  // namespace

std::optional<Means> azure_npm_means(const RuleContext& context) {
  const auto shape = xt_rule(context.rule, "filter");
  if (!shape || shape->verb() != Verb::Drop) return std::nullopt;
  const std::string& chain = shape->chain();
  if (chain == "AZURE-NPM-INGRESS" || chain == "AZURE-NPM-EGRESS") {
    const bool ingress = chain == "AZURE-NPM-INGRESS";
    const bool own = shape->comment().starts_with(ingress ? "DROP-ON-INGRESS-DROP-MARK-0x" : "DROP-ON-EGRESS-DROP-MARK-0x");
    if (!own || !shape->matches_only({"--mark"}) || shape->plain("--mark").empty()) return std::nullopt;
    return by_mark(context, ingress, shape->plain("--mark"));
  }
  if (chain == "AZURE-NPM-INGRESS-DROPS" || chain == "AZURE-NPM-EGRESS-DROPS")
    return by_selector(*shape, chain == "AZURE-NPM-INGRESS-DROPS");
  return std::nullopt;
}

}  // namespace synfate::judge
