// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// The part of ruleset that reads iptables' own words: the n-th rule of a chain of either backend.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "inventory/ruleset.hpp"
#include "inventory/tools.hpp"

namespace synfate::inventory {

enum class XtBackend { Legacy, Nft };

/// What iptables-save of that backend prints of one table; of all that there are where it is empty.
Result<ToolAnswer> save_xt_table(machine::Machine& machine, const machine::NetnsHandle& netns, const std::vector<ToolBox>& boxes,
                                 XtBackend backend, bool ipv6, const std::string& table);

/// What iptables-save says of one chain.
struct SavedChainText {
  std::string source;
  std::string rule;     ///< the n-th, one line
  std::string comment;  ///< of it
  std::string target;
  std::string policy;
  std::size_t count = 0;
  bool unknown_part = false;       ///< iptables does not know a match or target of it
  std::vector<std::string> chain;  ///< its rules in order, one line each; only of chains whose other rules say what one stands for. Behind
                                   ///< them the first rule of each of Calico's policies that they lead to
};

/// number: from 1, 0 for the policy. An error says why there is no such chain or rule in what iptables-save prints.
Result<SavedChainText> read_saved_chain(machine::Machine& machine, const machine::NetnsHandle& netns, const std::vector<ToolBox>& boxes,
                                        XtBackend backend, bool ipv6, const std::string& table, const std::string& chain,
                                        std::size_t number);

/// Of a rule of iptables-legacy; its key and chain are filled already.
void read_legacy_text(machine::Machine& machine, const machine::NetnsHandle& netns, const std::vector<ToolBox>& boxes,
                      const RuleQuestion& question, model::RuleText& text);

}  // namespace synfate::inventory
