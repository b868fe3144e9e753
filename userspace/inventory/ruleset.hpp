// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// The text of the rule that dropped a packet, with the proof that it is that rule's and not its successor's. Asks for one rule, shortly
// after its drop, and says what it could not prove; never asks for a table that is not there, since that would make it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "machine/machine.hpp"
#include "model/address.hpp"
#include "model/rule.hpp"

namespace synfate::inventory {

struct RuleQuestion {
  model::RuleKey key;
  std::string chain;                    ///< XtRule: as the kernel's table has it, also in the key where a trace told it; nft: in the key
  std::optional<std::uint32_t> number;  ///< XtRule, as chain
  bool policy = false;                  ///< XtRule, as chain
  std::uint64_t proof = 0;              ///< XtRule: HookVerdict::proof; 0: not known
  std::uint64_t digest = 0;             ///< XtRule: of the entry as it was before the drop; 0: not known
  model::Flow flow;                     ///< of the packet when it was dropped
  std::string in_device;                ///< empty: none, or not known
  std::string out_device;
};

/// Always answers; what is missing, or is not proven to be this rule's, is said in the gap. example_tgid: a process in the namespace, whose
/// container's tools are preferred; 0: none is known.
model::RuleText read_rule_text(machine::Machine& machine, const machine::NetnsHandle& netns, std::uint32_t example_tgid,
                               const RuleQuestion& question);

}  // namespace synfate::inventory
