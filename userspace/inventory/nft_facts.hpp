// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Whether the rule that a key names is still there, and what the kernel says of it; refuses to take an equal name for the same thing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "inventory/nft_objects.hpp"
#include "model/rule.hpp"

namespace synfate::inventory {

struct NftFacts {
  std::string gone;  ///< why the key's rule or chain is not there any more, or could not be asked for; empty: it is there
  NftChain chain;
  std::optional<NftRule> rule;  ///< none for a policy
  std::vector<NftChain> bases;  ///< the table's base chains; only if asked for
};

NftFacts read_nft_facts(machine::NetnsVisit& visit, const model::RuleKey& key, bool want_bases);

/// The namespace's generation: it grows with every change to any ruleset of nf_tables there.
std::optional<std::uint32_t> read_nft_generation(machine::NetnsVisit& visit);
std::optional<std::uint32_t> read_nft_generation(machine::Machine& machine, const machine::NetnsHandle& netns);

/// Where a rule stands in its chain.
struct NftPosition {
  std::size_t number = 0;  ///< from 1; 0: it is not there
  std::size_t count = 0;
};

/// A hundred thousand rules; they are looked at one by one.
constexpr std::size_t kMaxRulesBytes = 128U << 20U;

/// None: the chain could not be read, changed meanwhile, or takes more than max_bytes to tell.
std::optional<NftPosition> read_nft_position(machine::NetnsVisit& visit, const NftTable& table, const std::string& chain,
                                             std::uint64_t handle, std::size_t max_bytes = kMaxRulesBytes);

/// A table as iptables-nft makes it: its name, and every base chain with the name, hook, priority and type that iptables gives it.
bool has_iptables_shape(const model::RuleKey& key, const std::vector<NftChain>& bases);

/// "inet"; empty: nft has no word for it.
std::string nft_family(std::uint8_t family);

}  // namespace synfate::inventory
