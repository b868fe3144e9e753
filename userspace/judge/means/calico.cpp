// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Calico's Felix, whose every rule carries a hash that it finds its own by. A chain of a policy names it in the comment of its first rule;
// the drop at the end of a tier names none, only which were asked.
#include <algorithm>

#include "judge/means/recognisers.hpp"
#include "judge/words.hpp"

namespace synfate::judge {
namespace {

using model::Means;

bool is_hash_comment(std::string_view text) {
  const auto hash = between(text, "cali:", "");
  return hash && hash->size() == 16 && std::all_of(hash->begin(), hash->end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
         });
}

/// One of Felix's rules, the same in both formats.
struct Rule {
  Verb verb = Verb::Other;
  std::vector<std::string> words;  ///< its comments without the hash
  std::string target;              ///< of a jump, without the table's prefix of nft mode
  bool invalid = false;
  bool reverse_path = false;
  bool to_prefix = false;  ///< matches a destination and nothing else
};

std::string without_prefix(std::string_view chain) {
  for (const std::string_view table : {"filter-", "raw-", "mangle-", "nat-"}) {
    if (chain.starts_with(table)) return std::string{chain.substr(table.size())};
  }
  return std::string{chain};
}

std::optional<Rule> from_iptables(const XtShape& shape) {
  const auto& comments = shape.comments();
  if (comments.empty() || !is_hash_comment(comments.front())) return std::nullopt;
  Rule rule;
  rule.verb = shape.verb();
  rule.words.assign(comments.begin() + 1, comments.end());
  rule.target = shape.target();
  rule.invalid = shape.only_invalid();
  rule.reverse_path = shape.has("--invert") && shape.has("--validmark");
  rule.to_prefix = shape.matches_only({"-d"}) && !shape.plain("-d").empty();
  return rule;
}

std::optional<Rule> from_nft(const NftShape& shape) {
  const std::string& comment = shape.comment();
  const std::size_t end = comment.find(';');
  if (end == std::string::npos || !is_hash_comment(std::string_view{comment}.substr(0, end))) return std::nullopt;
  Rule rule;
  rule.verb = shape.verb();
  if (end + 2 < comment.size()) rule.words.push_back(comment.substr(end + 2));
  const std::string& text = shape.text();
  for (const std::string_view verb : {"jump ", "goto "}) {
    const std::size_t at = text.rfind(verb);
    if (at != std::string::npos && (at == 0 || text[at - 1] == ' ')) rule.target = without_prefix(std::string_view{text}.substr(at + 5));
  }
  const std::string_view match = shape.match();
  rule.invalid = match == "ct state invalid";
  rule.reverse_path = match.ends_with("fib saddr . mark . iif oif 0") || match.ends_with("fib saddr . mark . iif check missing");
  rule.to_prefix = (match.starts_with("ip daddr ") && match.find(' ', 9) == std::string_view::npos) ||
                   (match.starts_with("ip6 daddr ") && match.find(' ', 10) == std::string_view::npos);
  return rule;
}

std::optional<Rule> rule_of(const model::RuleRef& ref) {
  for (const std::string_view table : {"filter", "raw", "mangle"}) {
    if (const auto shape = xt_rule(ref, table)) return from_iptables(*shape);
  }
  if (ref.family != "ip" && ref.family != "ip6") return std::nullopt;
  const auto shape = nft_rule(ref, "calico");
  return shape ? from_nft(*shape) : std::nullopt;
}

std::optional<Rule> rule_of(const model::RuleRef& ref, std::string_view line) {
  if (is_iptables(ref)) {
    const auto shape = XtShape::of(line);
    return shape && shape->chain() == ref.chain ? from_iptables(*shape) : std::nullopt;
  }
  const auto shape = NftShape::of(line, "");
  return shape ? from_nft(*shape) : std::nullopt;
}

/// What they are printed as. The deny action is a setting of Felix's.
bool says(const Rule& rule, std::string_view drop, std::string_view reject) {
  return rule.words.size() == 1 && (rule.words.front() == drop || rule.words.front() == reject);
}

struct Policy {
  std::string kind;
  std::string namespace_name;
  std::string name;
};

/// Before 3.32, when the comment did not say the kind: Kubernetes' own have a prefix in their name.
std::optional<Policy> older_policy(std::string_view name) {
  if (const auto object = object_name(name)) {
    const auto own = between(object->name, "knp.default.", "");
    if (!own) return Policy{"CalicoNetworkPolicy", object->namespace_name, object->name};
    return is_subdomain(*own) ? std::optional{Policy{"NetworkPolicy", object->namespace_name, std::string{*own}}} : std::nullopt;
  }
  if (!is_subdomain(name)) return std::nullopt;
  if (const auto own = between(name, "kanp.adminnetworkpolicy.", "")) return Policy{"AdminNetworkPolicy", "", std::string{*own}};
  if (name.starts_with("kanp.") || name.starts_with("kbanp.")) return std::nullopt;
  return Policy{"GlobalNetworkPolicy", "", std::string{name}};
}

std::optional<Policy> policy_named(std::string_view words) {
  std::optional<std::string_view> rest = between(words, "", " ingress");
  if (!rest) rest = between(words, "", " egress");
  const std::size_t blank = rest ? rest->find(' ') : std::string_view::npos;
  if (blank == std::string_view::npos) return std::nullopt;
  const std::string_view kind = rest->substr(0, blank);
  const std::string_view name = rest->substr(blank + 1);
  if (kind == "Policy") return older_policy(name);
  if (kind == "GlobalNetworkPolicy")
    return is_subdomain(name) ? std::optional{Policy{std::string{kind}, "", std::string{name}}} : std::nullopt;
  const auto object = object_name(name);
  if (object && kind == "KubernetesNetworkPolicy") return Policy{"NetworkPolicy", object->namespace_name, object->name};
  if (object && kind == "NetworkPolicy") return Policy{"CalicoNetworkPolicy", object->namespace_name, object->name};
  return std::nullopt;
}

/// The comments of the chain's first rule. Annotations of a policy's rule are written beside its name, and could imitate one: then it is
/// nobody's.
std::string first_words(const RuleContext& context) {
  if (find_rule(context) == context.chain.end()) return "";
  const auto first = rule_of(context.rule, context.chain.front());
  return first && first->words.size() == 1 ? first->words.front() : "";
}

Means denied_by_policy(const RuleContext& context, const Rule& rule) {
  // It is the first rule itself where its own words say so.
  std::string words = rule.words.size() == 1 ? rule.words.front() : "";
  if (!policy_named(words)) words = first_words(context);
  if (const auto policy = policy_named(words)) {
    const std::string full = policy->namespace_name.empty() ? policy->name : policy->namespace_name + "/" + policy->name;
    return {policy->kind, "calico", policy->namespace_name, policy->name, "a rule of policy " + full + " denies it"};
  }
  return {"NetworkPolicy", "calico", "", "", "a rule of a policy denies it; which policy, the rules that were read do not tell"};
}

Means denied_by_profile(const RuleContext& context, const Rule& rule) {
  std::string words = rule.words.size() == 1 ? rule.words.front() : first_words(context);
  std::optional<std::string_view> name = between(words, "Profile ", " ingress");
  if (!name) name = between(words, "Profile ", " egress");
  if (!name || !is_subdomain(*name)) return {"Profile", "calico", "", "", "a rule of a profile denies it; which profile is not told"};
  return {"Profile", "calico", "", std::string{*name}, "a rule of profile " + std::string{*name} + " denies it"};
}

/// The pod behind a workload's chain, where its interface is the one that the chain is called after.
const model::Pod* workload_of(const RuleContext& context, std::string_view device, bool inbound) {
  const model::Pod* pod = inbound ? context.destination_pod : context.source_pod;
  const bool sound = pod != nullptr && is_label(pod->namespace_name) && is_subdomain(pod->name) && pod->host_device == device;
  return sound ? pod : nullptr;
}

/// The rules of another chain that are beside those of the rule's own.
std::vector<Rule> rules_beside(const RuleContext& context, std::string_view chain) {
  std::vector<Rule> rules;
  if (!is_iptables(context.rule)) return rules;
  for (const std::string_view line : context.chain) {
    const auto shape = XtShape::of(line);
    if (!shape || shape->chain() != chain) continue;
    auto rule = from_iptables(*shape);
    if (!rule) return {};
    rules.push_back(*std::move(rule));
  }
  return rules;
}

bool is_policy_chain(std::string_view chain) { return chain.starts_with("cali-pi-") || chain.starts_with("cali-po-"); }
bool is_group_chain(std::string_view chain) { return chain.starts_with("cali-gi-") || chain.starts_with("cali-go-"); }

/// The policies that were asked, by name, and the chains of those whose names are not told.
struct Asked {
  std::vector<std::string> policies;
  std::vector<std::string> chains;

  void add(const RuleContext& context, const std::string& chain) {
    const auto rules = rules_beside(context, chain);
    if (is_group_chain(chain)) {
      std::vector<std::string> members;
      for (const Rule& rule : rules) {
        if (is_policy_chain(rule.target)) members.push_back(rule.target);
      }
      if (members.empty()) chains.push_back(clean(chain));
      for (const std::string& member : members) add(context, member);
      return;
    }
    const auto policy = rules.empty() || rules.front().words.size() != 1 ? std::nullopt : policy_named(rules.front().words.front());
    if (policy) {
      policies.push_back(policy->kind + " " + (policy->namespace_name.empty() ? "" : policy->namespace_name + "/") + policy->name);
    } else {
      chains.push_back(clean(chain));
    }
  }

  std::string text() const {
    if (policies.empty() && chains.empty()) return "";
    std::string said = "; the policies that were asked are ";
    if (!policies.empty()) said += list_words(policies);
    if (!policies.empty() && !chains.empty()) said += ", and ";
    return chains.empty() ? said : said + "behind " + list_words(chains);
  }
};

/// Which policies the tier has that ends here.
std::string tier_words(const RuleContext& context) {
  const auto here = find_rule(context);
  if (here == context.chain.end()) return "; which policies were asked was not read";
  std::vector<std::string> targets;
  for (auto line = here; line != context.chain.begin();) {
    const auto rule = rule_of(context.rule, *--line);
    if (!rule) return "; which policies were asked is not understood";
    const bool start =
        rule->words.size() == 1 && (rule->words.front().starts_with("Start of tier ") || rule->words.front() == "Start of policies");
    if (start) break;
    if (is_policy_chain(rule->target) || is_group_chain(rule->target)) targets.insert(targets.begin(), rule->target);
  }
  Asked asked;
  for (const std::string& target : targets) asked.add(context, target);
  return asked.text();
}

std::optional<Means> at_workload(const RuleContext& context, const Rule& rule, std::string_view chain) {
  constexpr struct {
    std::string_view prefix;
    bool inbound;
    bool host;
  } kKinds[] = {{"cali-tw-", true, false}, {"cali-fw-", false, false},  {"cali-th-", false, true},
                {"cali-fh-", true, true},  {"cali-thfw-", false, true}, {"cali-fhfw-", true, true}};
  const auto* kind = std::find_if(std::begin(kKinds), std::end(kKinds), [&](const auto& each) { return chain.starts_with(each.prefix); });
  if (kind == std::end(kKinds)) return std::nullopt;
  const model::Pod* pod = kind->host ? nullptr : workload_of(context, chain.substr(kind->prefix.size()), kind->inbound);
  const std::string space = pod == nullptr ? "" : pod->namespace_name;
  const std::string whom = kind->host ? "the host endpoint" : pod == nullptr ? "the workload" : "pod " + pod->full_name();
  if (rule.invalid && rule.words.empty()) {
    return Means{"Firewall", "calico", "", "",
                 "Calico lets no packet that conntrack calls invalid to or from " + whom + "; no policy is involved"};
  }
  const std::string end = kind->inbound ? " admits this source" : " admits this destination";
  const bool tiered = rule.words.size() == 1 && rule.words.front().starts_with("End of tier ") &&
                      (rule.words.front().ends_with(". Drop if no policies passed packet") ||
                       rule.words.front().ends_with(". Reject if no policies passed packet"));
  if (tiered || says(rule, "Drop if no policies passed packet", "Reject if no policies passed packet")) {
    return Means{"NetworkPolicy", "calico", space, "", "policies select " + whom + ", and none of them" + end + tier_words(context)};
  }
  if (says(rule, "Drop if no profiles matched", "Reject if no profiles matched")) {
    return Means{"Profile", "calico", "", "", "no policy selects " + whom + ", and none of its profiles" + end};
  }
  if (says(rule, "Endpoint admin disabled", "Endpoint admin disabled")) {
    return Means{"Firewall", "calico", "", "", whom + " is switched off in Calico (endpoint admin disabled)"};
  }
  return std::nullopt;
}

bool is_dispatch(std::string_view chain) {
  return chain == "cali-from-wl-dispatch" || chain == "cali-to-wl-dispatch" || chain.starts_with("cali-from-wl-dispatch-") ||
         chain.starts_with("cali-to-wl-dispatch-");
}

std::optional<Means> elsewhere(const Rule& rule, std::string_view chain) {
  if (is_dispatch(chain) && says(rule, "Unknown interface", "Unknown interface")) {
    return Means{"Firewall", "calico", "", "", "Calico does not know this workload's interface: its pod is not programmed yet, or is gone"};
  }
  if (chain == "cali-PREROUTING" && rule.verb == Verb::Drop && rule.reverse_path && rule.words.empty()) {
    return Means{"Firewall", "calico", "", "",
                 "Calico's reverse path check: the workload sent from an address that is not routed to its interface (a spoofed source)"};
  }
  if (chain == "cali-INPUT" &&
      says(rule, "Drop IPv4 VXLAN packets from non-allowed hosts", "Drop IPv6 VXLAN packets from non-allowed hosts")) {
    return Means{"Firewall", "calico", "", "", "VXLAN from a host that is no node of this cluster, as far as Calico knows"};
  }
  if (chain == "cali-wl-to-host" && says(rule, "Configured DefaultEndpointToHostAction", "Configured DefaultEndpointToHostAction")) {
    return Means{"Firewall", "calico", "", "", "workloads may not reach the host itself (defaultEndpointToHostAction)"};
  }
  if (chain == "cali-cidr-block" && rule.to_prefix && rule.words.empty()) {
    return Means{"Firewall", "calico", "", "", "no service has that address, and Calico stops it from going round (serviceLoopPrevention)"};
  }
  return std::nullopt;
}

}  // namespace

std::optional<Means> calico_means(const RuleContext& context) {
  const std::string chain = is_iptables(context.rule) ? context.rule.chain : without_prefix(context.rule.chain);
  if (!chain.starts_with("cali-")) return std::nullopt;
  const auto rule = rule_of(context.rule);
  if (!rule || rule->verb == Verb::Other) return std::nullopt;
  if (chain.starts_with("cali-pi-") || chain.starts_with("cali-po-")) return denied_by_policy(context, *rule);
  if (chain.starts_with("cali-pri-") || chain.starts_with("cali-pro-")) return denied_by_profile(context, *rule);
  if (auto means = at_workload(context, *rule, chain)) return means;
  return elsewhere(*rule, chain);
}

}  // namespace synfate::judge
