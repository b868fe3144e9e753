// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// netfilter_policy, netfilter_reject, conntrack_invalid, netfilter_drop: the verdict of a rule, of a chain's policy, or of an entry that no
// other cause is about.
#include "judge/netfilter.hpp"

#include "judge/answers.hpp"
#include "judge/cause_table.hpp"
#include "judge/rule_words.hpp"
#include "judge/words.hpp"

namespace synfate::judge {
namespace {

using model::Drop;
using model::Event;

std::optional<Refusal> refusal(const Case& kase) {
  const Event& drop = *kase.drop_event();
  if (auto icmp = icmp_error_at(kase, drop)) return icmp;
  return reset_at(kase, drop);
}

/// The calibrated place in nft_do_chain, where no better source spoke.
bool is_policy_site(const NetfilterDrop& netfilter) {
  return !netfilter.naming.named() && !netfilter.naming.disagreed && by_nft(netfilter.drop) &&
         netfilter.drop.nft_site == Drop::Site::Policy;
}

std::string policy_summary(const Finding& finding) {
  const std::string& chain = finding.where.rule->chain;
  return "by the policy of " + (chain.empty() ? "a netfilter chain" : clean(chain));
}

Answers answers_by(const NetfilterDrop& netfilter) {
  const Naming& naming = netfilter.naming;
  if (naming.named()) return answers_of(*naming.verdict, naming.text);
  const EntryKind kind = naming.kind();
  return by_nft(netfilter.drop) || kind == EntryKind::Other || may_be_a_rule(kind) ? Answers::Unknown : Answers::Never;
}

/// A rule that always answers did; whether the answer got out is another matter.
void settle_unseen_answer(const Case& kase, Finding& finding) {
  constexpr int kErrors[] = {111, 113, 101, 13};
  const Event* received = kase.socket_event(model::SocketEventKind::ResetReceived);
  for (const int error : kErrors) {
    if (received == nullptr && !kase.client_error(error)) continue;
    finding.fate = model::Fate::Refused;
    finding.evidence.push_back(received != nullptr ? "the client's socket got a RST" : "the client's socket got " + errno_word(error));
    return;
  }
  // That nothing left is told from what was not seen.
  finding.basis = Basis::Absence;
  finding.summary += ", whose answer was not seen";
  finding.evidence.push_back("the rule rejects, but no RST and no ICMP error was seen to leave: the kernel limits the rate of ICMP errors");
}

std::string drop_summary(const NetfilterDrop& netfilter) {
  const Naming& naming = netfilter.naming;
  if (naming.named()) return naming.is_policy() == false ? "by a rule" : "by a netfilter rule or policy";
  if (by_nft(netfilter.drop)) {
    return netfilter.drop.nft_site == Drop::Site::Rule && !naming.disagreed ? "by a netfilter rule" : "by a netfilter rule or policy";
  }
  switch (naming.kind()) {
    case EntryKind::Xtables: {
      const std::string& table = naming.entry->xt_table;
      return "by iptables-legacy" + (table.empty() ? "" : ", table " + clean(table));
    }
    case EntryKind::NfTables: return "by a netfilter rule or policy";
    case EntryKind::ConntrackIn:
    case EntryKind::ConntrackConfirm: return "by connection tracking";
    case EntryKind::Nat: return "by NAT or one of its rules";
    case EntryKind::Bpf: return "by a BPF netfilter program";
    case EntryKind::Other: return "by the netfilter hook entry " + clean(naming.entry->function);
    case EntryKind::Unknown:
    case EntryKind::Ipvs:
    case EntryKind::Lsm: break;
  }
  return "by a netfilter hook";
}

/// For entries that have no rules to list.
std::string entry_command(EntryKind kind) {
  switch (kind) {
    case EntryKind::ConntrackIn:
    case EntryKind::ConntrackConfirm: return "conntrack -S";
    case EntryKind::Bpf: return "bpftool link show";
    default: return "nstat -asz";
  }
}

}  // namespace

std::optional<Finding> match_netfilter_policy(const Case& kase) {
  const auto netfilter = netfilter_drop(kase);
  if (!netfilter || (netfilter->naming.is_policy() != true && !is_policy_site(*netfilter))) return std::nullopt;
  Finding finding = netfilter_finding(kase, *netfilter);
  finding.summary = policy_summary(finding);
  if (!netfilter->naming.named()) finding.evidence.push_back("nft_do_chain freed it where it applies a base chain's policy");
  return finding;
}

std::optional<Finding> match_netfilter_reject(const Case& kase) {
  const auto netfilter = netfilter_drop(kase);
  if (!netfilter) return std::nullopt;
  const Answers answers = answers_by(*netfilter);
  const auto answer = refusal(kase);
  if (answers == Answers::Never || (answers == Answers::Unknown && !answer)) return std::nullopt;
  Finding finding = netfilter_finding(kase, *netfilter);
  const bool named = netfilter->naming.named();
  // In nf_hook_slow ipvs can answer too, so there it need not be a rule; a policy cannot answer.
  const bool by_rule = named || by_nft(netfilter->drop);
  finding.summary = named ? "by a rule" : by_rule ? "by a netfilter rule" : "by a netfilter hook";
  if (by_rule && finding.where.rule && !finding.where.rule->policy) finding.where.rule->policy = false;
  if (by_rule && !named) {
    finding.where.rule_gap = "a rejecting rule of a native nft or iptables-nft chain on this hook; " + why_unnamed(*netfilter);
  }
  if (!answer) {
    settle_unseen_answer(kase, finding);
    return finding;
  }
  finding.fate = model::Fate::Refused;
  finding.summary += answer->is_reset ? ", with a RST" : ", with an ICMP error";
  finding.evidence.push_back(answer->words + ", at the moment of the drop");
  const auto leg = answer->is_reset ? model::Leg::Reset : model::Leg::IcmpError;
  if (auto note = answer_lost_note(kase, leg)) finding.notes.push_back(std::move(*note));
  return finding;
}

std::optional<Finding> match_conntrack_invalid(const Case& kase) {
  const auto netfilter = netfilter_drop(kase);
  if (!netfilter || netfilter->naming.is_policy() != false) return std::nullopt;
  const Naming& naming = netfilter->naming;
  if (naming.text == nullptr || !matches_only_invalid(*naming.text)) return std::nullopt;
  Finding finding = netfilter_finding(kase, *netfilter);
  finding.summary = "by a rule against what conntrack calls invalid";
  finding.evidence.push_back("the rule matches only packets that conntrack calls invalid: this " +
                             std::string(packet_word(netfilter->event.leg)) + " fits no connection that " +
                             netns_words(kase, netfilter->event.place.netns) + " knows");
  return finding;
}

std::optional<Finding> match_netfilter_drop(const Case& kase) {
  const auto netfilter = netfilter_drop(kase);
  if (!netfilter) return std::nullopt;
  Finding finding = netfilter_finding(kase, *netfilter);
  finding.summary = drop_summary(*netfilter);
  if (finding.next.empty()) finding.next = in_netns(kase, netfilter->event.place.netns, entry_command(netfilter->naming.kind()));
  if (answers_by(*netfilter) == Answers::Never && refusal(kase)) {
    finding.doubts.push_back("an answer left at that moment, which this " + std::string(netfilter->naming.named() ? "rule" : "hook entry") +
                             " cannot have given");
  }
  return finding;
}

}  // namespace synfate::judge
