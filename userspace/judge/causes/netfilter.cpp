// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// netfilter_drop, netfilter_policy, netfilter_reject: which hook of which namespace. The rule itself is not read here, and never guessed.
#include "judge/answers.hpp"
#include "judge/cause_table.hpp"
#include "judge/words.hpp"

namespace synfate::judge {
namespace {

using model::Drop;
using model::Event;
using model::HookTraversal;
using model::Stage;

constexpr std::uint8_t kFamilyInet = 1;
constexpr std::uint8_t kFamilyIp = 2;
constexpr std::uint8_t kFamilyNetdev = 5;
constexpr std::uint8_t kFamilyBridge = 7;
constexpr std::uint8_t kFamilyIp6 = 10;

bool is_netfilter(const Drop& drop) {
  if (drop.reason == "NETFILTER_DROP") return true;
  // Kernels without that reason free the packet in the same two functions, which do nothing else with a packet.
  const bool unnamed = drop.reason.empty() || drop.reason == "NOT_SPECIFIED";
  return unnamed && (drop.symbol.function == "nf_hook_slow" || drop.symbol.function == "nft_do_chain");
}

/// netdev (5) has its own numbers, and inet's (1) only own hook is ingress: both sit where tc does. Bridge hooks are one stage.
Stage stage_of(const HookTraversal& hook) {
  if (hook.family == kFamilyBridge) return Stage::Bridge;
  if (hook.family == kFamilyNetdev) return hook.hook == 0 ? Stage::TcIngress : hook.hook == 1 ? Stage::TcEgress : Stage::None;
  switch (hook.hook) {
    case 0: return Stage::Prerouting;
    case 1: return Stage::Input;
    case 2: return Stage::Forward;
    case 3: return Stage::Output;
    case 4: return Stage::Postrouting;
    case 5: return hook.family == kFamilyInet ? Stage::TcIngress : Stage::None;
    default: return Stage::None;
  }
}

std::string hook_word(const HookTraversal& hook) {
  if (hook.family == kFamilyNetdev) return hook.hook == 0 ? "ingress" : "egress";
  constexpr std::string_view kWords[] = {"prerouting", "input", "forward", "output", "postrouting", "ingress"};
  return hook.hook < std::size(kWords) ? std::string(kWords[hook.hook]) : "hook " + std::to_string(hook.hook);
}

bool faces_out(const HookTraversal& hook) { return hook.family == kFamilyNetdev ? hook.hook == 1 : hook.hook == 3 || hook.hook == 4; }

std::string_view family_word(std::uint8_t family) {
  switch (family) {
    case kFamilyInet: return "inet";
    case kFamilyIp: return "ip";
    case kFamilyNetdev: return "netdev";
    case kFamilyBridge: return "bridge";
    case kFamilyIp6: return "ip6";
    default: return "";
  }
}

bool by_nft(const Drop& drop) { return drop.symbol.function == "nft_do_chain"; }

std::string gap(const Drop& drop) {
  std::string text = "the exact rule is not read by this version";
  if (drop.nft_site == Drop::Site::Rule) return text + ": a rule of a native nft or iptables-nft chain on this hook";
  if (drop.nft_site == Drop::Site::Policy) return text + ": the policy of a native nft or iptables-nft base chain on this hook";
  if (by_nft(drop))
    return text + ": a rule or the policy of a native nft or iptables-nft chain on this hook, in a table of this family or of inet";
  if (drop.symbol.function == "nf_hook_slow") {
    return text +
           ": some entry of this hook returned the verdict. Where the kernel lets nft_do_chain free packets itself, that was not nftables "
           "but "
           "xtables (iptables-legacy), conntrack, NAT, ipvs, a BPF program or a security module";
  }
  return text + ": some entry of this hook returned the verdict";
}

model::RuleRef rule_of(const Drop& drop) {
  model::RuleRef rule;
  if (drop.has_hook) rule.family = family_word(drop.hook.family);
  if (by_nft(drop) && drop.nft_site != Drop::Site::Unknown) rule.policy = drop.nft_site == Drop::Site::Policy;
  return rule;
}

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

std::string next_command(const Case& kase, const Drop& drop) {
  const Event& event = *kase.drop_event();
  if (by_nft(drop)) return in_netns(kase, event.place.netns, "nft -a list ruleset");
  const bool six = event.flow.family() == 6;
  return in_netns(kase, event.place.netns, six ? "ip6tables-legacy-save -c" : "iptables-legacy-save -c");
}

Finding netfilter_finding(const Case& kase) {
  const Drop& drop = *kase.drop();
  Finding finding = finding_about_drop(kase, drop.has_hook ? stage_of(drop.hook) : Stage::None);
  describe_hook(kase, drop, finding);
  finding.where.rule = rule_of(drop);
  finding.where.rule_gap = gap(drop);
  finding.next = next_command(kase, drop);
  return finding;
}

std::optional<Refusal> refusal(const Case& kase) {
  const Event& drop = *kase.drop_event();
  if (auto icmp = icmp_error_at(kase, drop)) return icmp;
  return reset_at(kase, drop);
}

}  // namespace

std::optional<Finding> match_netfilter_policy(const Case& kase) {
  if (kase.drop() == nullptr || !is_netfilter(*kase.drop()) || !by_nft(*kase.drop()) || kase.drop()->nft_site != Drop::Site::Policy) {
    return std::nullopt;
  }
  Finding finding = netfilter_finding(kase);
  finding.summary = "by the policy of a netfilter chain";
  finding.evidence.push_back("nft_do_chain freed it where it applies a base chain's policy");
  return finding;
}

std::optional<Finding> match_netfilter_reject(const Case& kase) {
  if (kase.drop() == nullptr || !is_netfilter(*kase.drop())) return std::nullopt;
  const auto answer = refusal(kase);
  if (!answer) return std::nullopt;
  Finding finding = netfilter_finding(kase);
  finding.fate = model::Fate::Refused;
  // A policy cannot answer, but in nf_hook_slow ipvs can, so there it need not be a rule.
  const std::string by = by_nft(*kase.drop()) ? "by a netfilter rule" : "by a netfilter hook";
  finding.summary = by + (answer->is_reset ? ", with a RST" : ", with an ICMP error");
  if (by_nft(*kase.drop())) {
    finding.where.rule->policy = false;
    finding.where.rule_gap =
        "the exact rule is not read by this version: a rejecting one of a native nft or iptables-nft chain on this hook";
  }
  finding.evidence.push_back(answer->words + ", at the moment of the drop");
  const auto leg = answer->is_reset ? model::Leg::Reset : model::Leg::IcmpError;
  if (auto note = answer_lost_note(kase, leg)) finding.notes.push_back(std::move(*note));
  return finding;
}

std::optional<Finding> match_netfilter_drop(const Case& kase) {
  if (kase.drop() == nullptr || !is_netfilter(*kase.drop())) return std::nullopt;
  Finding finding = netfilter_finding(kase);
  if (!by_nft(*kase.drop())) {
    finding.summary = "by a netfilter hook";
  } else {
    finding.summary = kase.drop()->nft_site == Drop::Site::Rule ? "by a netfilter rule" : "by a netfilter rule or policy";
  }
  return finding;
}

}  // namespace synfate::judge
