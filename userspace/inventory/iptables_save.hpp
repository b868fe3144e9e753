// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// What iptables-save prints, of either backend, as tables, chains and the text of each rule in order; refuses to know what a rule means.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace synfate::inventory {

/// A view into the dump.
struct SavedRule {
  std::string_view text;    ///< "-A INPUT ..." without counters, as printed: a comment may have line breaks in it
  std::uint32_t chain = 0;  ///< index into its table's chains
};

struct SavedChain {
  std::string_view name;
  std::string_view policy;  ///< "DROP"; "-": a chain of the user's
};

struct SavedTable {
  std::string_view name;
  std::vector<SavedChain> chains;
  std::vector<SavedRule> rules;
  bool complete = false;  ///< ended by COMMIT

  const SavedChain* chain(std::string_view name) const;
  /// In order; number n is at n - 1.
  std::vector<const SavedRule*> rules_of(std::string_view chain) const;
};

struct SavedRules {
  std::vector<SavedTable> tables;
  bool complete = true;               ///< nothing was cut off and no line was left out
  std::size_t odd_lines = 0;          ///< neither rule, chain, table nor comment
  std::vector<std::string> warnings;  ///< lines of "# Warning", the first few

  const SavedTable* table(std::string_view name) const;
};

/// The text must outlive the result. Takes any bytes.
SavedRules parse_iptables_save(std::string_view text);

/// The comments of a rule's text, unquoted, joined by " / "; empty if there is none.
std::string iptables_comment(std::string_view rule);
/// The target of a rule's text, after -j or -g; empty if there is none. A view into the text.
std::string_view iptables_target(std::string_view rule);
/// iptables itself printed that it does not know a match or a target of it.
bool iptables_unknown_part(std::string_view rule);
/// The next word, taken off, with its quotes; empty at the end.
std::string_view iptables_word(std::string_view& left);
/// Every control character a blank.
std::string one_line(std::string_view text);

}  // namespace synfate::inventory
