// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// kube-router, and k3s which has it inside. Its REJECT names the pod and no policy: which policies were asked is told by the jumps of the
// same chain, since none of them marked the packet.
#include <algorithm>

#include "judge/means/recognisers.hpp"
#include "judge/words.hpp"

namespace synfate::judge {
namespace {

using model::Means;

constexpr std::string_view kPodFirewall = "KUBE-POD-FW-";
constexpr std::string_view kPolicyChain = "KUBE-NWPLCY-";

/// Its rules in either backend, as far as they are the same.
struct Rule {
  Verb verb = Verb::Other;
  std::string comment;
  std::string target;       ///< of a jump
  std::string source;       ///< only packets from there; empty: from anywhere
  std::string destination;  ///< only packets to there; empty: to anywhere
  bool invalid = false;
  bool unmarked = false;  ///< only packets that no policy marked
  bool bare = false;      ///< every packet
};

std::string host(std::string_view prefix) {
  const std::size_t slash = prefix.find('/');
  const std::string_view length = slash == std::string_view::npos ? std::string_view{} : prefix.substr(slash + 1);
  return std::string{length == "32" || length == "128" ? prefix.substr(0, slash) : prefix};
}

Rule from_iptables(const XtShape& shape) {
  Rule rule{shape.verb(), std::string{shape.comment()}, shape.target(), host(shape.plain("-s")), host(shape.plain("-d"))};
  rule.invalid = shape.only_invalid();
  rule.unmarked = shape.matches_only({"--mark"}) && shape.inverted("--mark") == "0x10000/0x10000";
  rule.bare = shape.matches_only({});
  return rule;
}

std::string word_after(std::string_view text, std::string_view words) {
  const std::size_t at = text.find(words);
  if (at == std::string_view::npos || (at != 0 && text[at - 1] != ' ')) return "";
  const std::string_view rest = text.substr(at + words.size());
  return std::string{rest.substr(0, rest.find(' '))};
}

std::string first_of(std::string a, std::string b) { return a.empty() ? std::move(b) : std::move(a); }

/// nft prints a mask as it was given, or as it understands it.
bool is_unmarked(std::string_view match) {
  for (const std::string_view mask : {"0x10000", "0x00010000"}) {
    const std::string head = "meta mark & " + std::string{mask};
    for (const std::string_view tail : {" == 0", " == 0x0", " == 0x00000000"}) {
      if (match == head + std::string{tail}) return true;
    }
    if (match == head + " != " + std::string{mask}) return true;
  }
  return false;
}

Rule from_nft(const NftShape& shape) {
  const std::string& text = shape.text();
  Rule rule{shape.verb(), shape.comment(), word_after(text, "jump "),
            first_of(word_after(text, "ip saddr "), word_after(text, "ip6 saddr ")),
            first_of(word_after(text, "ip daddr "), word_after(text, "ip6 daddr "))};
  rule.invalid = shape.match() == "ct state invalid";
  rule.unmarked = is_unmarked(shape.match());
  rule.bare = shape.match().empty();
  return rule;
}

bool is_own_table(const model::RuleRef& rule) {
  return rule.table == "kube-router-filter-ipv4" ? rule.family == "ip" : rule.table == "kube-router-filter-ipv6" && rule.family == "ip6";
}

std::optional<Rule> rule_of(const model::RuleRef& ref) {
  if (const auto shape = xt_rule(ref, "filter")) return from_iptables(*shape);
  if (!is_own_table(ref)) return std::nullopt;
  const auto shape = nft_rule(ref, ref.table);
  return shape ? std::optional{from_nft(*shape)} : std::nullopt;
}

std::optional<Rule> rule_of(const model::RuleRef& ref, std::string_view line) {
  if (!is_iptables(ref)) {
    const auto shape = NftShape::of(line, "");
    return shape ? std::optional{from_nft(*shape)} : std::nullopt;
  }
  const auto shape = XtShape::of(line);
  return shape && shape->chain() == ref.chain ? std::optional{from_iptables(*shape)} : std::nullopt;
}

/// In the words of every version, the oldest of which rejected without a condition.
std::optional<ObjectName> rejected_pod(const Rule& rule) {
  if (rule.verb != Verb::Reject) return std::nullopt;
  if (const auto pod = between(rule.comment, "", " reject"); pod && rule.unmarked) return object_name(*pod);
  std::string_view rest = rule.comment;
  if (rest.starts_with("default ") && rule.bare) {
    rest.remove_prefix(8);
  } else if (!rule.unmarked) {
    return std::nullopt;
  }
  const auto words = between(rest, "rule to REJECT traffic destined for POD name:", "");
  constexpr std::string_view kNamespace = " namespace: ";
  const std::size_t at = words ? words->find(kNamespace) : std::string_view::npos;
  if (at == std::string_view::npos) return std::nullopt;
  return object_name(std::string{words->substr(at + kNamespace.size())} + "/" + std::string{words->substr(0, at)});
}

enum class Direction : unsigned char { Unknown, In, Out };

struct Candidates {
  bool read = false;
  bool nameless = false;  ///< one at least whose name its comment does not tell
  std::vector<std::string> names;
};

bool is_pod(const model::Pod* pod, const ObjectName& name) {
  return pod != nullptr && pod->namespace_name == name.namespace_name && pod->name == name.name;
}

/// Only jumps for the pod's own address have one.
Direction direction_by_address(const RuleContext& context, const std::vector<Rule>& rules) {
  const std::string from = model::to_string(context.flow.src.address);
  const std::string to = model::to_string(context.flow.dst.address);
  if (!context.flow.src.address || from == to) return Direction::Unknown;
  bool in = false;
  bool out = false;
  for (const Rule& rule : rules) {
    for (const std::string& address : {rule.source, rule.destination}) {
      in = in || address == to;
      out = out || address == from;
    }
  }
  if (in == out) return Direction::Unknown;
  return in ? Direction::In : Direction::Out;
}

Direction direction_of(const RuleContext& context, const ObjectName& pod, const std::vector<Rule>& rules) {
  const bool from = is_pod(context.source_pod, pod);
  const bool to = is_pod(context.destination_pod, pod);
  if (from != to) return to ? Direction::In : Direction::Out;
  return from ? Direction::Unknown : direction_by_address(context, rules);
}

std::string policy_of(const Rule& jump, const ObjectName& pod) {
  if (const auto old = between(jump.comment, "run through nw policy ", "")) return is_subdomain(*old) ? std::string{*old} : "";
  const auto words = between(jump.comment, "", " policy");
  const auto policy = words ? object_name(*words) : std::nullopt;
  return policy && policy->namespace_name == pod.namespace_name ? policy->name : "";
}

/// The policies that this packet was shown to.
Candidates candidates_of(const std::vector<Rule>& rules, const ObjectName& pod, Direction direction) {
  Candidates found;
  found.read = !rules.empty();
  for (const Rule& rule : rules) {
    const auto hash = between(rule.target, kPolicyChain, "");
    if (!hash || !is_hash16(*hash)) continue;
    if (direction == Direction::In && !rule.source.empty() && rule.destination.empty()) continue;
    if (direction == Direction::Out && !rule.destination.empty() && rule.source.empty()) continue;
    const std::string policy = policy_of(rule, pod);
    found.nameless = found.nameless || policy.empty();
    if (!policy.empty() && std::find(found.names.begin(), found.names.end(), policy) == found.names.end()) found.names.push_back(policy);
  }
  return found;
}

std::string candidate_words(const Candidates& found) {
  if (!found.read) return "; which policies are on the pod was not read";
  if (found.names.empty() && !found.nameless) return ": its firewall runs through none for that direction, so it is denied by default";
  std::string text = "; on the pod: " + list_words(found.names);
  if (found.nameless) text += std::string{found.names.empty() ? "" : " and "} + "policies whose names the rules do not tell";
  return text;
}

std::string end_words(Direction direction) {
  switch (direction) {
    case Direction::In: return " admits this source";
    case Direction::Out: return " admits this destination";
    case Direction::Unknown: break;
  }
  return " admits this connection";
}

/// All rules of the chain; none unless the one that rejected is among them.
std::vector<Rule> rules_of(const RuleContext& context) {
  if (find_rule(context) == context.chain.end()) return {};
  std::vector<Rule> rules;
  for (const std::string_view line : context.chain) {
    auto rule = rule_of(context.rule, line);
    if (!rule) return {};
    rules.push_back(*std::move(rule));
  }
  return rules;
}

Means rejected(const RuleContext& context, const ObjectName& pod) {
  const std::string pod_name = pod.namespace_name + "/" + pod.name;
  const bool an_end = is_pod(context.source_pod, pod) || is_pod(context.destination_pod, pod);
  if (!an_end && context.source_pod != nullptr && context.destination_pod != nullptr) {
    return {"NetworkPolicy", "kube-router", "", "",
            "the rule speaks of pod " + pod_name + ", but the ends are " + clean(context.source_pod->full_name()) + " and " +
                clean(context.destination_pod->full_name()) + ": which pod's policies it was, is not determined"};
  }
  if (const auto other = between(context.chain_comment, "podfw ", ""); other && *other != pod_name) {
    return {"NetworkPolicy", "kube-router", "", "",
            "the rule speaks of pod " + pod_name + ", its chain of another: which pod's policies it was, is not determined"};
  }
  const auto rules = rules_of(context);
  const Direction direction = direction_of(context, pod, rules);
  const Candidates found = candidates_of(rules, pod, direction);
  const bool only = found.names.size() == 1 && !found.nameless;
  return {"NetworkPolicy", "kube-router", pod.namespace_name, only ? found.names.front() : "",
          "no policy on pod " + pod_name + end_words(direction) + candidate_words(found)};
}

}  // namespace

std::optional<Means> kube_router_means(const RuleContext& context) {
  const auto rule = rule_of(context.rule);
  if (!rule || rule->verb == Verb::Other) return std::nullopt;
  const std::string& chain = context.rule.chain;
  const auto hash = between(chain, kPodFirewall, "");
  const bool pod_firewall = hash && is_hash16(*hash);
  if (pod_firewall) {
    if (const auto pod = rejected_pod(*rule)) return rejected(context, *pod);
  }
  if ((pod_firewall || chain == "KUBE-NWPLCY-COMMON") && rule->verb == Verb::Drop && rule->invalid) {
    return Means{"Firewall", "kube-router", "", "",
                 "kube-router lets no packet to or from a pod that conntrack calls invalid; no policy is involved"};
  }
  if (chain != "KUBE-NWPLCY-TAIL" || rule->verb != Verb::Reject) return std::nullopt;
  if (rule->comment == "reject unprogrammed local pod (default-deny)") {
    return Means{"NetworkPolicy", "kube-router", "", "",
                 "kube-router has not programmed this pod's policies yet, and rejects until it has (default-deny); no policy is named"};
  }
  if (rule->comment == "reject pre-netpol (default-deny)") {
    return Means{"NetworkPolicy", "kube-router", "", "",
                 "the packet had not passed any pod's policies, and kube-router rejects such ones (default-deny); no policy is named"};
  }
  return std::nullopt;
}

}  // namespace synfate::judge
