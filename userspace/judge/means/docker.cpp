// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Docker's bridges, before version 28 and since, with iptables and with nftables. With iptables its rules carry no comment: in a chain that
// is not Docker's own a rule has to be of a shape and of names that nobody else gives. DOCKER-USER is the administrator's and means nothing
// here.
#include <algorithm>

#include "judge/means/recognisers.hpp"
#include "judge/words.hpp"

namespace synfate::judge {
namespace {

using model::Means;

Means docker(std::string text) { return {"Firewall", "docker", "", "", std::move(text)}; }

Means unpublished(std::string_view bridge) {
  return docker("the container's port is not published, and its bridge " + clean(bridge) + " may not be entered from outside for others");
}

Means between_containers(std::string_view bridge) {
  return docker("containers on bridge " + clean(bridge) + " may not talk to each other (inter-container communication is off)");
}

Means internal(std::string_view bridge) {
  return docker("the network of bridge " + clean(bridge) +
                " is internal: nothing outside of it may talk to it, nor it to anything outside");
}

Means direct(std::string_view bridge) {
  return docker("a container's own address may be reached from its bridge " + clean(bridge) + " only; from elsewhere its published ports");
}

Means remote_loopback() { return docker("the port is published on 127.0.0.1 only, which may not be reached from outside"); }

Means isolated(std::string_view bridge) {
  return docker("containers of another network may not enter bridge " + clean(bridge) + ": Docker keeps its networks apart");
}

/// As Docker names bridges that nobody gave a name to.
bool is_own_bridge(std::string_view name) {
  if (name == "docker0") return true;
  const auto id = between(name, "br-", "");
  return id && id->size() == 12 &&
         std::all_of(id->begin(), id->end(), [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

bool jumps_to(const RuleContext& context, std::string_view chain, std::string_view out) {
  return std::any_of(context.chain.begin(), context.chain.end(), [&](std::string_view line) {
    const auto shape = XtShape::of(line);
    return shape && shape->chain() == context.rule.chain && shape->target() == chain && (out.empty() || shape->plain("-o") == out);
  });
}

bool stays_on_bridge(const XtShape& shape) {
  return shape.matches_only({"-i", "-o"}) && !shape.plain("-i").empty() && shape.plain("-i") == shape.plain("-o");
}

std::optional<Means> in_own_chain(const XtShape& shape) {
  const std::string& chain = shape.chain();
  const std::string_view out = shape.plain("-o");
  if (chain == "DOCKER" && shape.matches_only({"-i", "-o"}) && !out.empty() && shape.inverted("-i") == out) return unpublished(out);
  if (chain == "DOCKER-FORWARD" && stays_on_bridge(shape)) return between_containers(out);
  if (chain == "DOCKER-INTERNAL" || chain == "DOCKER-ISOLATION-STAGE-1") {
    if (shape.matches_only({"-s", "-o"}) && !shape.inverted("-s").empty() && !out.empty()) return internal(out);
    if (shape.matches_only({"-d", "-i"}) && !shape.inverted("-d").empty() && !shape.plain("-i").empty()) return internal(shape.plain("-i"));
  }
  if (chain == "DOCKER-ISOLATION-STAGE-2" && shape.matches_only({"-o"}) && !out.empty()) return isolated(out);
  const bool oldest = chain == "DOCKER-ISOLATION" && shape.matches_only({"-i", "-o"}) && !out.empty() && !shape.plain("-i").empty();
  return oldest && shape.plain("-i") != out ? std::optional{isolated(out)} : std::nullopt;
}

/// One address that only the bridge may ask for; null: not of that shape.
std::string_view direct_access_bridge(const XtShape& shape) {
  if (shape.chain() != "PREROUTING" || shape.verb() != Verb::Drop || !shape.comments().empty() || !shape.matches_only({"-d", "-i"}))
    return {};
  const std::string_view address = shape.plain("-d");
  const bool one = address.ends_with("/32") || address.ends_with("/128");
  return one && is_own_bridge(shape.inverted("-i")) ? shape.inverted("-i") : std::string_view{};
}

std::optional<Means> in_raw(const RuleContext& context, const XtShape& shape) {
  if (const auto bridge = direct_access_bridge(shape); !bridge.empty()) return direct(bridge);
  const bool loopback = shape.chain() == "PREROUTING" && shape.matches_only({"-d", "-i", "-p", "--dport"}) &&
                        shape.plain("-d") == "127.0.0.1/32" && shape.inverted("-i") == "lo" && shape.plain("-p") == "tcp";
  if (!loopback) return std::nullopt;
  // Others guard the loopback like this too; Docker guards the container's own address beside it.
  const bool beside = std::any_of(context.chain.begin(), context.chain.end(), [](std::string_view line) {
    const auto other = XtShape::of(line);
    return other && !direct_access_bridge(*other).empty();
  });
  return beside ? std::optional{remote_loopback()} : std::nullopt;
}

std::optional<Means> by_iptables(const RuleContext& context) {
  const model::RuleRef& rule = context.rule;
  if (is_filter_policy(rule, "FORWARD")) {
    const bool here = jumps_to(context, "DOCKER-USER", "") &&
                      (jumps_to(context, "DOCKER-FORWARD", "") || jumps_to(context, "DOCKER-ISOLATION-STAGE-1", ""));
    // Another engine that sets policies leaves no trace in the policy itself.
    const bool another = jumps_to(context, "ufw-before-forward", "") || jumps_to(context, "ufw6-before-forward", "");
    if (!here || another) return std::nullopt;
    return docker(
        "no rule accepted it, and FORWARD drops by policy: Docker, whose chains are there, sets that when it turns forwarding on, but "
        "the policy itself does not tell who set it");
  }
  if (const auto shape = xt_rule(rule, "raw"); shape && shape->verb() == Verb::Drop && shape->comments().empty())
    return in_raw(context, *shape);
  const auto shape = xt_rule(rule, "filter");
  if (!shape || shape->verb() != Verb::Drop || !shape->comments().empty()) return std::nullopt;
  if (shape->chain() == "FORWARD" && stays_on_bridge(*shape) && jumps_to(context, "DOCKER", shape->plain("-o"))) {
    return between_containers(shape->plain("-o"));
  }
  return in_own_chain(*shape);
}

std::optional<Means> by_nftables(const RuleContext& context) {
  const model::RuleRef& rule = context.rule;
  const auto shape = nft_rule(rule, "docker-bridges");
  if (!shape || (rule.family != "ip" && rule.family != "ip6") || shape->verb() != Verb::Drop) return std::nullopt;
  const std::string& comment = shape->comment();
  if (rule.chain == "raw-PREROUTING") {
    constexpr std::string_view kDevice = " iifname != ";
    const std::string_view match = shape->match();
    const std::size_t at = match.find(kDevice);
    if (comment == "DROP DIRECT ACCESS" && at != std::string_view::npos) return direct(match.substr(at + kDevice.size()));
    return comment == "DROP REMOTE LOOPBACK" ? std::optional{remote_loopback()} : std::nullopt;
  }
  auto bridge = between(rule.chain, "filter-forward-in__", "");
  if (!bridge) bridge = between(rule.chain, "filter-forward-out__", "");
  if (!bridge || bridge->empty()) return std::nullopt;
  if (comment == "UNPUBLISHED PORT DROP" && shape->match().empty()) return unpublished(*bridge);
  if (comment == "ICC" && shape->match() == "iifname " + std::string{*bridge}) return between_containers(*bridge);
  if (comment == "INTERNAL NETWORK INGRESS" || comment == "INTERNAL NETWORK EGRESS") return internal(*bridge);
  return std::nullopt;
}

}  // namespace

std::optional<Means> docker_means(const RuleContext& context) {
  return is_iptables(context.rule) ? by_iptables(context) : by_nftables(context);
}

}  // namespace synfate::judge
