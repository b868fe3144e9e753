// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// An iptables-legacy table as the kernel has it: which entry is which rule of which chain, and which entries can drop. Knows no rule's
// text. A table that is not laid out as iptables lays tables out is refused whole, because its rules could not be numbered as iptables
// does.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "machine/machine.hpp"

namespace synfate::inventory {

enum class XtRole : std::uint8_t {
  Rule,
  Policy,     ///< the last entry of a builtin chain
  ChainHead,  ///< before a user chain, holds its name; no packet gets there
  ChainEnd,   ///< the RETURN that closes a user chain; iptables does not show it
};

enum class XtVerdict : std::uint8_t {
  Drop,
  Accept,
  Queue,
  Return,
  Jump,
  Goto,
  Continue,  ///< no target: the rule only counts
  Target,    ///< what the target says
  None,      ///< of a ChainHead
};

/// Whether a packet that an entry matches ends there with NF_DROP.
enum class XtDrops : std::uint8_t {
  Never,
  Maybe,   ///< the target drops, accepts or continues, as it sees fit; a hit on it alone proves no drop
  Always,  ///< standard DROP, REJECT
};

/// One entry.
struct XtRule {
  std::uint32_t offset = 0;  ///< in the table, bytes
  std::uint32_t chain = 0;   ///< in XtTable::chains
  std::uint32_t number = 0;  ///< from 1 in its chain, as iptables -L --line-numbers counts; 0 unless the role is Rule
  XtRole role = XtRole::Rule;
  XtVerdict verdict = XtVerdict::None;
  XtDrops drops = XtDrops::Never;
  std::uint32_t to_chain = 0;  ///< Jump and Goto: in XtTable::chains
  /// Untrusted; "" for the standard target: "REJECT", "LOG". The kernel's name: iptables may print another ("NOTRACK" for a CT).
  std::string target;
  std::uint64_t packets = 0;  ///< that it has matched, as of its reading
  /// FNV-1a, 64 bit, over its ipt_ip or ip6t_ip6, target_offset, next_offset and its target's size: what the kernel's own copy has in
  /// common with this one. Nothing of it is a counter or a pointer.
  std::uint64_t proof = 0;
  /// FNV-1a over the whole entry as it is read, matches and target with what they match and do, but for counters and the kernel's notes.
  std::uint64_t digest = 0;
};

struct XtChain {
  std::string name;              ///< untrusted
  std::optional<unsigned> hook;  ///< NF_INET_*, of a builtin chain
  std::uint32_t first = 0;       ///< in XtTable::rules: what a jump leads to
  std::uint32_t count = 0;       ///< its ChainEnd or Policy included, its ChainHead not
};

struct XtTable {
  std::uint8_t family = 0;  ///< NFPROTO_IPV4 (2) or NFPROTO_IPV6 (10), which are AF_INET and AF_INET6
  std::string name;
  std::vector<XtRule> rules;    ///< every entry but the one that closes the table, by ascending offset
  std::vector<XtChain> chains;  ///< in the table's order; names are unique

  /// Nothing if no entry begins there.
  const XtRule* at(std::uint32_t offset) const;
  /// Every entry is the same, at the same offset.
  bool same_rules(const XtTable& other) const;
  const std::string& chain_name(const XtRule& rule) const { return chains[rule.chain].name; }
  /// What xtables' TRACE calls number `number` of that chain: a rule, or behind them all the policy or the chain's end.
  const XtRule* traced(const std::string& chain, std::uint32_t number) const;
  /// The entries that can end a packet's way with NF_DROP and that a packet at this hook (NF_INET_*) can reach, by ascending offset. A
  /// match may drop a malformed packet by itself (hotdrop): then none of them is hit.
  std::vector<const XtRule*> final_rules_from(unsigned hook) const;
};

/// BadData: why it cannot be understood. family: AF_INET or AF_INET6.
Result<XtTable> parse_xt_table(int family, const std::string& name, const machine::XtTableBytes& bytes);

}  // namespace synfate::inventory
