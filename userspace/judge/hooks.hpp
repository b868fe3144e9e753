// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Netfilter's hooks in words: where a hook is on a packet's way, and what kind of thing one of its entries is, by the kernel's own function
// names. An entry that no name here fits is "other", never the nearest one.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "model/event.hpp"
#include "model/verdict.hpp"

namespace synfate::judge {

enum class EntryKind : std::uint8_t {
  Unknown,  ///< the entry, or its function, was not read
  Xtables,
  NfTables,
  ConntrackIn,       ///< looks a packet's connection up, or makes one
  ConntrackConfirm,  ///< enters a new connection into the table
  Nat,               ///< runs NAT's rules, of nft or xtables, and then rewrites
  Ipvs,
  Lsm,
  Bpf,
  Other,
};

EntryKind kind_of(const model::HookEntry& entry);
/// A verdict of such an entry may be that of a rule or of a chain's policy.
bool may_be_a_rule(EntryKind kind);

/// Freed because a hook said so.
bool is_netfilter(const model::Drop& drop);
/// Freed inside nft_do_chain: by a rule or a policy of nf_tables, and by nothing else.
bool by_nft(const model::Drop& drop);

model::Stage stage_of(const model::HookTraversal& hook);
/// "forward", "ingress".
std::string hook_word(const model::HookTraversal& hook);
/// Its own device is the one that the packet is to leave by.
bool faces_out(const model::HookTraversal& hook);
/// "ip", "ip6", "inet", "bridge", "netdev", or "".
std::string_view family_word(std::uint8_t family);
/// A table of that family has rules on that traversal.
bool family_fits(std::uint8_t table_family, const model::HookTraversal& hook);
/// "entry 2 of 4: ipt_do_table, table filter, priority 0".
std::string entry_words(const model::HookEntry& entry);

}  // namespace synfate::judge
