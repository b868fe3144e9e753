// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// ufw: its own chains, and the policies that it sets, which are told by its jumps in the same chain.
#include <algorithm>

#include "judge/means/recognisers.hpp"

namespace synfate::judge {
namespace {

using model::Means;

Means ufw(std::string text) { return {"Firewall", "ufw", "", "", std::move(text)}; }

/// "input" as ufw's users say it.
std::string direction_words(std::string_view hook) {
  if (hook == "input") return "incoming";
  return hook == "output" ? "outgoing" : "routed";
}

bool is_hook(std::string_view text) { return text == "input" || text == "output" || text == "forward"; }

std::string lower(std::string_view chain) {
  std::string text{chain};
  for (char& c : text) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return text;
}

Means by_default(std::string_view hook) {
  return ufw("ufw's default for " + direction_words(hook) + " traffic: none of its rules allows this");
}

std::optional<Means> by_policy(const RuleContext& context) {
  const std::string hook = lower(context.rule.chain);
  if (!is_hook(hook) || !is_filter_policy(context.rule, context.rule.chain)) return std::nullopt;
  const auto jumps_to = [&](std::string_view part) {
    return std::any_of(context.chain.begin(), context.chain.end(), [&](std::string_view line) {
      const auto shape = XtShape::of(line);
      if (!shape || shape->chain() != context.rule.chain) return false;
      return shape->target() == "ufw-" + std::string{part} + "-" + hook || shape->target() == "ufw6-" + std::string{part} + "-" + hook;
    });
  };
  // Docker sets the policy of FORWARD as well, and the policy does not tell who it was.
  const bool docker = std::any_of(context.chain.begin(), context.chain.end(), [](std::string_view line) {
    const auto shape = XtShape::of(line);
    return shape && shape->target().starts_with("DOCKER");
  });
  if (docker || !jumps_to("before") || !jumps_to("reject")) return std::nullopt;
  return by_default(hook);
}

std::optional<Means> in_chain(const XtShape& shape, std::string_view part) {
  const bool bare = shape.matches_only({});
  if (part == "user-limit" && bare) return ufw("ufw's limit: this source has connected too often in the last seconds");
  if (part == "not-local" && bare) return ufw("ufw drops what is addressed to none of this machine's addresses");
  if (const auto hook = between(part, "user-", ""); hook && is_hook(*hook)) {
    return ufw("a rule that was given to ufw denies this " + direction_words(*hook) + " traffic");
  }
  if (const auto hook = between(part, "skip-to-policy-", ""); hook && is_hook(*hook) && bare) return by_default(*hook);
  if (const auto hook = between(part, "reject-", ""); hook && is_hook(*hook) && bare) return by_default(*hook);
  for (const std::string_view file : {"before-", "after-"}) {
    const auto hook = between(part, file, "");
    if (!hook || !is_hook(*hook)) continue;
    if (shape.only_invalid()) return ufw("ufw drops what conntrack calls invalid");
    return ufw("a rule of ufw's own file " + std::string{file.substr(0, file.size() - 1)} + ".rules denies this " + direction_words(*hook) +
               " traffic");
  }
  return std::nullopt;
}

}  // namespace

std::optional<Means> ufw_means(const RuleContext& context) {
  if (context.rule.policy == true) return by_policy(context);
  const auto shape = xt_rule(context.rule, "filter");
  if (!shape || shape->verb() == Verb::Other) return std::nullopt;
  auto part = between(shape->chain(), "ufw-", "");
  if (!part) part = between(shape->chain(), "ufw6-", "");
  return part ? in_chain(*shape, *part) : std::nullopt;
}

}  // namespace synfate::judge
