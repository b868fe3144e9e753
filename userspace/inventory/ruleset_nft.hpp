// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// The part of ruleset that speaks of nf_tables, native or iptables' own.
#pragma once

#include <vector>

#include "inventory/ruleset.hpp"
#include "inventory/tools.hpp"

namespace synfate::inventory {

/// Of a rule or a policy of nf_tables; its key and chain are filled already.
void read_nft_text(machine::Machine& machine, const machine::NetnsHandle& netns, const std::vector<ToolBox>& boxes,
                   const RuleQuestion& question, model::RuleText& text);

}  // namespace synfate::inventory
