// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// What a calibration has learnt of this kernel's stack frames (struct frames of the kernel side, without its header).
#pragma once

#include <cstdint>
#include <vector>

namespace synfate::probe {

/// Addresses of code; 0: not learnt. Slots are distances in words from the return address, all of which must agree; empty: not learnt.
struct Frames {
  std::uint64_t rule_site = 0;    ///< where nft_do_chain() frees for a rule
  std::uint64_t policy_site = 0;  ///< where it frees for a base chain's policy
  std::uint64_t entry_site = 0;   ///< where nf_hook_slow() frees
  std::vector<std::int32_t> expression;
  std::vector<std::int32_t> base_chain;
  std::vector<std::int32_t> state;
  std::vector<std::int32_t> entry_index;

  bool knows_rules() const { return rule_site != 0 && !expression.empty(); }
  bool knows_policies() const { return policy_site != 0 && !base_chain.empty(); }
  bool knows_entries() const { return entry_site != 0 && !state.empty() && !entry_index.empty(); }
};

/// How much is traced where frames do not tell; each includes those before, and is called more often.
enum class TraceDepth : std::uint8_t {
  Tables,       ///< which table of xtables gave a verdict
  Chains,       ///< of which base chain of nf_tables a policy was, where its place is known: once for each chain that a packet passes
  Expressions,  ///< which expression of nf_tables: for each that is evaluated
};

}  // namespace synfate::probe
