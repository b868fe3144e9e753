// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "judge/netfilter.hpp"

#include "judge/words.hpp"

namespace synfate::judge {
namespace {

using model::Drop;
using model::HookTraversal;
using model::Stage;

void describe_hook(const Case& kase, const Drop& drop, Finding& finding) {
  if (!drop.has_hook) {
    finding.where.stage = Stage::None;
    finding.ceiling = model::Confidence::Strong;
    finding.evidence.push_back("which netfilter hook it was could not be recovered from the kernel's stack");
    return;
  }
  const HookTraversal& hook = drop.hook;
  const std::string& near = faces_out(hook) ? hook.out_device : hook.in_device;
  const std::string& far = faces_out(hook) ? hook.in_device : hook.out_device;
  if (!near.empty() || !far.empty()) finding.where.device = near.empty() ? far : near;
  std::string text = "hook " + hook_word(hook);
  if (const std::string_view family = family_word(hook.family); !family.empty()) text += " of family " + std::string(family);
  text += " in " + netns_words(kase, finding.where.netns);
  if (!hook.in_device.empty()) text += ", in " + clean(hook.in_device);
  if (!hook.out_device.empty()) text += ", out " + clean(hook.out_device);
  finding.evidence.push_back(std::move(text));
}

bool is_ip6(const NetfilterDrop& netfilter) {
  const std::uint8_t family = netfilter.drop.has_hook ? netfilter.drop.hook.family : 0;
  return family == 10 || (family != 2 && netfilter.event.flow.family() == 6);
}

/// What it may have been, for a drop that no source names a rule for.
std::string candidates(const NetfilterDrop& netfilter) {
  const Naming& naming = netfilter.naming;
  const Drop& drop = netfilter.drop;
  if (by_nft(drop)) {
    if (drop.nft_site == Drop::Site::Rule) return "a rule of a native nft or iptables-nft chain on this hook";
    if (drop.nft_site == Drop::Site::Policy) return "the policy of a native nft or iptables-nft base chain on this hook";
    return "a rule or the policy of a native nft or iptables-nft chain on this hook, in a table of this family or of inet";
  }
  switch (naming.kind()) {
    case EntryKind::Xtables:
      return "a rule or the policy of iptables-legacy's table" +
             (naming.entry->xt_table.empty() ? "" : " " + clean(naming.entry->xt_table));
    case EntryKind::NfTables: return "a rule or the policy of a native nft or iptables-nft base chain on this hook";
    case EntryKind::Nat: return "NAT itself, or a rule or the policy of a nat chain";
    default: break;
  }
  if (drop.symbol.function != "nf_hook_slow") return "some entry of this hook returned the verdict";
  return "some entry of this hook returned the verdict. Where the kernel lets nft_do_chain free packets itself, that was not nftables but "
         "xtables (iptables-legacy), conntrack, NAT, ipvs, a BPF program or a security module";
}

/// Why no rule is named when no source says why.
std::string nothing_heard(const NetfilterDrop& netfilter) {
  if (by_nft(netfilter.drop)) return "which one was not recorded: it takes tier 2 or 2f";
  switch (netfilter.naming.kind()) {
    case EntryKind::Xtables:
      return "by the time that the packet is freed the kernel has forgotten which one; tier 3 tells it from another SYN that dies here, "
             "tier "
             "2f at once";
    case EntryKind::NfTables: return "by the time that the packet is freed the kernel has forgotten which one; it takes tier 2f";
    default: return "which one was not recorded: it takes tier 2 or 2f";
  }
}

std::string gap_of(const NetfilterDrop& netfilter) {
  return netfilter.naming.named() ? netfilter.naming.gap : candidates(netfilter) + "; " + why_unnamed(netfilter);
}

model::RuleRef unnamed_rule(const NetfilterDrop& netfilter) {
  const Drop& drop = netfilter.drop;
  model::RuleRef rule;
  if (drop.has_hook) rule.family = family_word(drop.hook.family);
  if (by_nft(drop) && drop.nft_site != Drop::Site::Unknown && !netfilter.naming.disagreed) {
    rule.policy = drop.nft_site == Drop::Site::Policy;
  }
  if (netfilter.naming.kind() == EntryKind::Xtables) {
    rule.backend = "iptables-legacy";
    rule.table = netfilter.naming.entry->xt_table;
  }
  return rule;
}

std::string list_table(const NetfilterDrop& netfilter, const std::string& tool, const std::string& table, const std::string& chain) {
  const std::string command = (is_ip6(netfilter) ? "ip6tables-" : "iptables-") + tool;
  return command + " -t " + shell_word(table) + " -nvL" + (chain.empty() ? "" : " " + shell_word(chain)) + " --line-numbers";
}

/// The chain that holds the rule, in the tool of its own kind.
std::string rule_command(const NetfilterDrop& netfilter, const model::RuleRef& rule) {
  const bool bridge = rule.family == "bridge";
  if (rule.backend == "iptables-legacy" && !rule.table.empty() && !bridge) return list_table(netfilter, "legacy", rule.table, rule.chain);
  if (rule.backend == "iptables-nft" && !rule.table.empty() && !bridge) return list_table(netfilter, "nft", rule.table, rule.chain);
  if (rule.backend == "iptables-legacy") return is_ip6(netfilter) ? "ip6tables-legacy-save -c" : "iptables-legacy-save -c";
  if (!rule.family.empty() && !rule.table.empty() && !rule.chain.empty()) {
    return "nft -a list chain " + rule.family + " " + shell_word(rule.table) + " " + shell_word(rule.chain);
  }
  if (by_nft(netfilter.drop) || netfilter.naming.kind() == EntryKind::NfTables) return "nft -a list ruleset";
  return is_ip6(netfilter) ? "ip6tables-legacy-save -c" : "iptables-legacy-save -c";
}

}  // namespace

std::string why_unnamed(const NetfilterDrop& netfilter) {
  return netfilter.naming.gap.empty() ? nothing_heard(netfilter) : netfilter.naming.gap;
}

std::optional<NetfilterDrop> netfilter_drop(const Case& kase) {
  if (kase.drop() == nullptr || !is_netfilter(*kase.drop())) return std::nullopt;
  return NetfilterDrop{*kase.drop_event(), *kase.drop(), name_verdict(kase)};
}

Finding entry_finding(const Case& kase, const NetfilterDrop& netfilter) {
  const Drop& drop = netfilter.drop;
  Finding finding = finding_about_drop(kase, drop.has_hook ? stage_of(drop.hook) : Stage::None);
  describe_hook(kase, drop, finding);
  if (netfilter.naming.entry) finding.evidence.push_back(entry_words(*netfilter.naming.entry));
  return finding;
}

Finding netfilter_finding(const Case& kase, const NetfilterDrop& netfilter) {
  const Naming& naming = netfilter.naming;
  Finding finding = entry_finding(kase, netfilter);
  finding.evidence.insert(finding.evidence.end(), naming.evidence.begin(), naming.evidence.end());
  if (!may_be_a_rule(naming.kind()) && !by_nft(netfilter.drop) && !naming.disagreed) return finding;
  finding.where.rule = naming.named() ? rule_of(naming) : unnamed_rule(netfilter);
  finding.where.rule_gap = gap_of(netfilter);
  if (naming.from_earlier) finding.ceiling = model::Confidence::Strong;
  finding.next = in_netns(kase, netfilter.event.place.netns, rule_command(netfilter, *finding.where.rule));
  return finding;
}

}  // namespace synfate::judge
