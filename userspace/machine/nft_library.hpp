// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// nft's own listing without its program: libnftables in a child, which takes its memory with it; refuses every command but one.
#pragma once

#include <string>

#include "machine/machine.hpp"

namespace synfate::machine {

/// nft's language can name it, and it can say nothing else in there. Names come from the ruleset: any bytes are possible.
bool is_plain_nft_name(const std::string& name);
/// See Machine::list_nft_chain.
Result<CommandOutput> list_nft_chain(const NftChainName& name, const RunOptions& options);

}  // namespace synfate::machine
