// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// One rule with just what its text needs, as a transaction that makes both in an empty namespace: there nft prints it as it would print it
// where it is, without reading everything around it. Refuses every rule whose text could come out differently there.
#pragma once

#include <cstdint>
#include <string>

#include "inventory/nft_objects.hpp"
#include "model/rule.hpp"

namespace synfate::inventory {

struct NftReplica {
  std::uint32_t number = 0;  ///< in its chain now, from 1; the key's where that could not be read, or in a chain of very many rules
  std::string batch;         ///< for Machine::make_netns_with
};

/// Of the rule that the key names, as it is now, with its sets; whoever asks sees to it that all of it is of one generation. Unsupported:
/// its text may depend on more than that.
Result<NftReplica> read_nft_replica(machine::NetnsVisit& visit, const model::RuleKey& key, const NftRule& rule);

/// The kernel describes both with the same bytes.
bool is_like(const NftRule& copy, const NftRule& rule);

}  // namespace synfate::inventory
