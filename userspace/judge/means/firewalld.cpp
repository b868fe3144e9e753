// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// firewalld, with nftables in a table of its own, with iptables in chains beside others': what its base chains end with could then be
// anybody's, unless its jumps are before it.
#include <algorithm>

#include "judge/means/recognisers.hpp"
#include "judge/words.hpp"

namespace synfate::judge {
namespace {

using model::Means;

constexpr std::string_view kParts[] = {"_pre", "_log", "_deny", "_allow", "_post"};

struct Rule {
  bool invalid = false;
  bool bare = false;
};

Means firewalld(std::string text) { return {"Firewall", "firewalld", "", "", std::move(text)}; }

/// The chain of a zone's or policy's rules of one part, or the one that asks them and ends with the zone's target.
struct Owner {
  std::string name;  ///< empty: it cannot be told which of two it is
  bool policy = false;
  bool part = false;
};

bool jumps_to(const RuleContext& context, const std::string& chain) {
  return std::any_of(context.chain.begin(), context.chain.end(), [&](std::string_view line) {
    if (!is_iptables(context.rule)) {
      const auto shape = NftShape::of(line, "");
      return shape && (shape->text() == "jump " + chain || shape->text().ends_with(" jump " + chain) || shape->text() == "goto " + chain);
    }
    const auto shape = XtShape::of(line);
    return shape && shape->chain() == context.rule.chain && shape->target() == chain;
  });
}

std::optional<Owner> owner_of(const RuleContext& context, std::string_view prefix) {
  std::optional<std::string_view> rest;
  for (const std::string_view hook : {"IN_", "FWD_", "FWDI_", "FWDO_", "OUT_"}) {
    if (!rest) rest = between(context.rule.chain, std::string{prefix} + std::string{hook}, "");
  }
  if (!rest || rest->empty()) return std::nullopt;
  Owner owner;
  if (const auto policy = between(*rest, "policy_", "")) {
    owner.policy = true;
    rest = policy;
  }
  owner.name = *rest;
  for (const std::string_view part : kParts) {
    if (!rest->ends_with(part) || rest->size() == part.size()) continue;
    // A zone may be called like another one's part: then it has parts itself.
    const bool whole = jumps_to(context, context.rule.chain + "_deny") || jumps_to(context, context.rule.chain + "_allow");
    if (whole) return owner;
    owner.part = true;
    owner.name = context.chain.empty() ? "" : std::string{rest->substr(0, rest->size() - part.size())};
    return owner;
  }
  return owner;
}

Means of_owner(const Owner& owner, const Rule& rule) {
  const std::string what = owner.policy ? "policy" : "zone";
  Means means{owner.policy ? "FirewallPolicy" : "FirewallZone", "firewalld", "", owner.name, ""};
  const std::string whose = owner.name.empty() ? "a " + what : what + " " + clean(owner.name);
  if (!owner.part && rule.bare) {
    means.text = whose + " allows neither this service nor this port: its target decides";
  } else {
    means.text = "a rule of " + whose + " denies it";
  }
  return means;
}

std::optional<Means> at_end(const Rule& rule) {
  if (rule.invalid) return firewalld("firewalld drops what conntrack calls invalid");
  if (rule.bare) return firewalld("no zone or policy of firewalld allows it");
  return std::nullopt;
}

std::optional<Means> by_nftables(const RuleContext& context) {
  const model::RuleRef& ref = context.rule;
  if (ref.family != "inet" && ref.family != "ip" && ref.family != "ip6") return std::nullopt;
  if (ref.backend == "nft" && ref.table == "firewalld_policy_drop") {
    const auto dropping = nft_rule(ref, ref.table);
    if (ref.policy != true && (!dropping || dropping->verb() != Verb::Drop)) return std::nullopt;
    return firewalld("firewalld drops everything for now: it is in panic mode, or is loading its rules");
  }
  const auto shape = nft_rule(ref, "firewalld");
  if (!shape || shape->verb() == Verb::Other) return std::nullopt;
  const Rule rule{shape->match() == "ct state invalid" || shape->match() == "ct state { invalid }", shape->match().empty()};
  if (ref.chain == "filter_INPUT" || ref.chain == "filter_FORWARD" || ref.chain == "filter_OUTPUT") return at_end(rule);
  const auto owner = owner_of(context, "filter_");
  return owner ? std::optional{of_owner(*owner, rule)} : std::nullopt;
}

std::optional<Means> by_iptables(const RuleContext& context) {
  const auto shape = xt_rule(context.rule, "filter");
  if (!shape || shape->verb() == Verb::Other || !shape->comments().empty()) return std::nullopt;
  const Rule rule{shape->only_invalid(), shape->matches_only({})};
  const std::string& chain = shape->chain();
  if (chain == "INPUT" && jumps_to(context, "INPUT_ZONES")) return at_end(rule);
  if (chain == "FORWARD" && (jumps_to(context, "FORWARD_ZONES") || jumps_to(context, "FORWARD_IN_ZONES"))) return at_end(rule);
  // Chains of such names without firewalld's parts beside them could be anybody's.
  const auto owner = owner_of(context, "");
  if (!owner || owner->part || !jumps_to(context, chain + "_deny") || !jumps_to(context, chain + "_allow")) return std::nullopt;
  return of_owner(*owner, rule);
}

}  // namespace

std::optional<Means> firewalld_means(const RuleContext& context) {
  return is_iptables(context.rule) ? by_iptables(context) : by_nftables(context);
}

}  // namespace synfate::judge
