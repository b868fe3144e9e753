// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// ipvs: a hook entry that decides by itself and has no rules that a netfilter tool shows. What it decided by is its own to tell.
#include "judge/answers.hpp"
#include "judge/cause_table.hpp"
#include "judge/netfilter.hpp"
#include "judge/words.hpp"

namespace synfate::judge {
namespace {

bool decided(const std::optional<NetfilterDrop>& netfilter) {
  return netfilter && !by_nft(netfilter->drop) && !netfilter->naming.disagreed && netfilter->naming.kind() == EntryKind::Ipvs;
}

}  // namespace

std::optional<Finding> match_ipvs(const Case& kase) {
  const auto netfilter = netfilter_drop(kase);
  if (!decided(netfilter)) return std::nullopt;
  Finding finding = entry_finding(kase, *netfilter);
  finding.summary = "by ipvs";
  auto answer = icmp_error_at(kase, netfilter->event);
  if (!answer) answer = reset_at(kase, netfilter->event);
  if (answer) {
    finding.fate = model::Fate::Refused;
    finding.summary += answer->is_reset ? ", with a RST" : ", with an ICMP error";
    finding.evidence.push_back(answer->words + ", at the moment of the drop");
  }
  finding.evidence.push_back("ipvs drops what it has no destination for, and what its own state forbids; which of them it does not tell");
  finding.next = in_netns(kase, netfilter->event.place.netns, "ipvsadm -Ln");
  return finding;
}

}  // namespace synfate::judge
