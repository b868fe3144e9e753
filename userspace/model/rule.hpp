// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Who gave a netfilter verdict, as the kernel's own structures name it, and the text that belongs to it, as the tools print it. Two things
// on purpose: the first is evidence, the second was read a moment later and has to prove that it is about the same rule.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/time.hpp"
#include "model/address.hpp"

namespace synfate::model {

/// One entry of a netfilter hook: a function that is asked about every packet there.
struct HookEntry {
  unsigned index = 0;  ///< from 0, in the order in which they are asked
  unsigned count = 0;
  std::string function;  ///< "ipt_do_table", without compiler suffixes; empty: not read
  std::string module;    ///< empty: the kernel proper
  std::optional<int> priority;
  std::string xt_table;          ///< "filter": of an xtables entry
  std::uint64_t xt_address = 0;  ///< of the kernel's struct xt_table, an identity while the entry exists
};

/// Which rule of which ruleset, whatever its text. For nf_tables handles of rules and chains are counted in each table, those of tables in
/// each namespace, and not given out twice there, but a rule that is replaced keeps its own: `offset` tells them apart. Equal keys are the
/// same rule. For xtables `generation` and `offset` are.
struct RuleKey {
  enum class Kind : std::uint8_t { None, NftRule, NftPolicy, XtRule };

  Kind kind = Kind::None;
  std::uint8_t family = 0;  ///< NFPROTO_* of the table: 1 inet, 2 ip, 5 netdev, 7 bridge, 10 ip6
  std::string table;        ///< untrusted
  std::uint64_t table_handle = 0;
  std::string chain;  ///< untrusted; the one that holds the rule; empty for XtRule
  std::uint64_t chain_handle = 0;
  std::uint64_t handle = 0;  ///< of the rule; 0 for a policy and for XtRule
  std::uint32_t number = 0;  ///< from 1 in its chain, when the verdict was given; a trace of xtables counts the policy too, as the last;
                             ///< otherwise 0 for a policy and for XtRule
  std::uint64_t generation = 0;  ///< nft: the cookie of the namespace. XtRule: address of the xt_table_info: every change makes another
  std::uint32_t offset = 0;      ///< nft: of a hash of what the rule does. XtRule: of the ipt_entry in its table, bytes

  bool operator==(const RuleKey&) const = default;
};

/// What the kernel side saw of who gave the verdict for one dropped packet. As an event it has the time and the sk_buff of its drop.
struct HookVerdict {
  enum class How : std::uint8_t {
    Stack,     ///< the frames of the functions that were still running (tier 2)
    Fentry,    ///< the functions that evaluate rules, traced (tier 2f)
    Counters,  ///< the rules' own counters before and after (tier 3)
    NfTrace,   ///< the kernel's own rule tracing, asked for with --nftrace (tier 4)
  };

  enum class Outcome : std::uint8_t { Drop, Accept, Jump, Goto, Return, Continue, Other };

  How how = How::Stack;
  Outcome outcome = Outcome::Drop;  ///< others only with NfTrace: a rule on the way
  std::string target;               ///< untrusted; the chain that Jump and Goto lead to
  std::optional<HookEntry> entry;
  RuleKey rule;  ///< kind None: not determined, and `doubt` says why
  /// nf_tables: the expression that gave the verdict: "immediate", "lookup", "reject", "target". A trace of xtables: "rule", "return" or
  /// "policy", as the kernel calls it, which says the last two of rules without a condition as well; and a ? where lines may be lost.
  std::string expression;
  std::string doubt;          ///< why it is not determined; empty otherwise
  std::uint64_t proof = 0;    ///< hash of what the rule matches and does; XtRule: of its ipt_entry
  std::uint32_t ruleset = 0;  ///< NftRule: its namespace's generation of nf_tables at the drop; 0: not known
};

/// Both ends are in it.
struct TimeSpan {
  MonotonicNs from_ns = 0;
  MonotonicNs until_ns = 0;
};

/// The text of one rule, read near its drop.
struct RuleText {
  RuleKey key;          ///< of which
  std::string backend;  ///< "nft", "iptables-nft", "iptables-legacy"
  std::string chain;    ///< untrusted
  std::optional<std::uint32_t> number;
  bool policy = false;
  std::string text;           ///< untrusted; one line, "-A FORWARD -p tcp -j DROP" or "tcp dport 80 drop"
  std::string comment;        ///< untrusted
  std::string element;        ///< untrusted; of the set or map that decided: "10.96.0.10 . tcp . 53", with its own comment after it
  std::string via;            ///< untrusted; the map element that led to the chain, where one did: as element
  Flow flow;                  ///< of the packet that element and via are about; source port 0: of any
  std::uint32_t ruleset = 0;  ///< nf_tables: the generation that all of this is of; 0: not known, or it kept changing
  std::string gap;            ///< why text, number or element is missing or was not proven to be this rule's; empty: nothing is
  std::string source;         ///< the tool and where it is from: "iptables-nft-save of the node container (tgid 42)"
  /// XtRule of a trace: read from the kernel before and after, with nothing of this entry changed, and what it matches always ends with
  /// NF_DROP: so it was for drops in any of these. The oldest go first.
  std::vector<TimeSpan> drops;
  std::vector<std::string> chain_rules;  ///< untrusted; those of its chain in order, where they say what it stands for

  bool dropped_at(MonotonicNs time_ns) const;
  /// Those that touch become one.
  void dropped_in(TimeSpan span);
};

}  // namespace synfate::model
