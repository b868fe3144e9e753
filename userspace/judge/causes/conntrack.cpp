// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// conntrack_full, conntrack_clash, nat_exhausted: connection tracking itself refused, and no rule. The hook entry is the proof of who; why
// is told from what the namespace's own counters say, and left to netfilter_drop where they say nothing.
#include "judge/cause_table.hpp"
#include "judge/netfilter.hpp"
#include "judge/rule_words.hpp"
#include "judge/words.hpp"

namespace synfate::judge {
namespace {

using model::Conntrack;

/// The conntrack of the namespace of the drop, if its verdict came from an entry of that kind; `netfilter` is set then.
const Conntrack* conntrack_at(const Case& kase, const std::optional<NetfilterDrop>& netfilter, EntryKind kind) {
  if (!netfilter || by_nft(netfilter->drop) || netfilter->naming.kind() != kind || netfilter->naming.disagreed) return nullptr;
  const model::Netns* netns = kase.netns(netfilter->event.place.netns);
  return netns != nullptr && netns->conntrack ? &*netns->conntrack : nullptr;
}

bool is_full(const Conntrack& conntrack) {
  return conntrack.count && conntrack.max && *conntrack.max != 0 && *conntrack.count >= *conntrack.max;
}

std::string count_text(const Conntrack& conntrack) {
  return std::to_string(*conntrack.count) + " of at most " + std::to_string(*conntrack.max) + " entries";
}

/// The expression or target that gave the verdict is NAT's own.
bool by_nat_expression(const Naming& naming) {
  if (!naming.named() || naming.is_policy() == true) return false;
  const std::string& expression = naming.verdict->expression;
  if (expression == "nat" || expression == "masq" || expression == "redir") return true;
  // An xtables target of iptables-nft is the expression "target", one of iptables-legacy has none.
  return (expression.empty() || expression == "target") && naming.text != nullptr && is_nat_rule(*naming.text);
}

}  // namespace

std::optional<Finding> match_conntrack_full(const Case& kase) {
  const auto netfilter = netfilter_drop(kase);
  const Conntrack* conntrack = conntrack_at(kase, netfilter, EntryKind::ConntrackIn);
  if (conntrack == nullptr || (!is_full(*conntrack) && (!conntrack->counters_read || conntrack->drop == 0))) return std::nullopt;
  Finding finding = entry_finding(kase, *netfilter);
  if (is_full(*conntrack)) {
    finding.summary = "connection tracking is full";
    finding.evidence.push_back("its table holds " + count_text(*conntrack));
  } else {
    // The counter is of the namespace's whole life, and conntrack drops for want of memory too.
    finding.ceiling = model::Confidence::Strong;
    finding.summary = "connection tracking had no room";
    finding.evidence.push_back("conntrack of " + netns_words(kase, netfilter->event.place.netns) + " has dropped " +
                               count_words(conntrack->drop, "packet") + " for want of room or memory since the namespace was made");
    if (conntrack->count && conntrack->max) finding.evidence.push_back("when that was read its table held " + count_text(*conntrack));
  }
  finding.next = in_netns(kase, netfilter->event.place.netns, "sysctl net.netfilter.nf_conntrack_count net.netfilter.nf_conntrack_max");
  return finding;
}

std::optional<Finding> match_conntrack_clash(const Case& kase) {
  const auto netfilter = netfilter_drop(kase);
  const Conntrack* conntrack = conntrack_at(kase, netfilter, EntryKind::ConntrackConfirm);
  if (conntrack == nullptr || !conntrack->counters_read || conntrack->insert_failed == 0) return std::nullopt;
  Finding finding = entry_finding(kase, *netfilter);
  // A chain that is too long, and an entry that is being deleted, fail in the same place.
  finding.ceiling = model::Confidence::Strong;
  finding.summary = "its connection could not be entered into conntrack";
  finding.evidence.push_back(
      "conntrack of " + netns_words(kase, netfilter->event.place.netns) + " has failed to insert " +
      (conntrack->insert_failed == 1 ? std::string("1 entry") : std::to_string(conntrack->insert_failed) + " entries") +
      " since the namespace was made, as a rule because another one has the same addresses and ports");
  if (conntrack->chain_too_long != 0) {
    finding.doubts.push_back(std::to_string(conntrack->chain_too_long) +
                             " times a chain of the table was too long: that fails in the same place");
  }
  finding.next = in_netns(kase, netfilter->event.place.netns, "conntrack -S");
  return finding;
}

std::optional<Finding> match_nat_exhausted(const Case& kase) {
  const auto netfilter = netfilter_drop(kase);
  if (!netfilter || netfilter->naming.disagreed) return std::nullopt;
  const Naming& naming = netfilter->naming;
  const bool by_rule = by_nat_expression(naming);
  const bool by_entry = !naming.named() && naming.kind() == EntryKind::Nat && !by_nft(netfilter->drop);
  if (!by_rule && !by_entry) return std::nullopt;
  Finding finding = by_rule ? netfilter_finding(kase, *netfilter) : entry_finding(kase, *netfilter);
  finding.summary = "NAT found no address and port for it";
  finding.evidence.push_back("NAT drops where no port is left for this destination, or the device to leave by has no address");
  if (by_entry) {
    finding.ceiling = model::Confidence::Strong;
    finding.evidence.push_back("a rule of a nat chain that drops by itself would look the same where the kernel frees after the hook");
  }
  finding.next = in_netns(kase, netfilter->event.place.netns, "conntrack -L -p tcp -r " + to_string(netfilter->event.flow.dst.address));
  return finding;
}

}  // namespace synfate::judge
