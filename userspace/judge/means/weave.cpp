// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Weave Net's policy controller, whose comments name namespaces and selectors, never a policy.
#include <algorithm>

#include "judge/means/recognisers.hpp"

namespace synfate::judge {
namespace {

/// Its last rule could be anybody's: what is before it tells.
bool is_after_policies(const RuleContext& context) {
  return std::any_of(context.chain.begin(), context.chain.end(), [](std::string_view line) {
    const auto shape = XtShape::of(line);
    return shape && shape->target() == "WEAVE-NPC" && shape->plain("-o") == "weave";
  });
}

}  // namespace

std::optional<model::Means> weave_means(const RuleContext& context) {
  const auto shape = xt_rule(context.rule, "filter");
  if (!shape || shape->verb() != Verb::Drop || !shape->comments().empty()) return std::nullopt;
  if (shape->chain() == "FORWARD" && shape->matches_only({"-o"}) && shape->plain("-o") == "weave" && is_after_policies(context)) {
    return model::Means{"NetworkPolicy", "weave", "", "",
                        "no policy on the destination pod admits this source; Weave's rules name no policy"};
  }
  if (shape->chain() == "WEAVE-NPC-EGRESS" && shape->matches_only({"--mark"}) && shape->inverted("--mark") == "0x40000/0x40000") {
    return model::Means{"NetworkPolicy", "weave", "", "",
                        "no policy on the source pod admits this destination; Weave's rules name no policy"};
  }
  return std::nullopt;
}

}  // namespace synfate::judge
