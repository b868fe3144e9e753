// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Who gave the verdict for the packet whose drop decides: every source that speaks of that very packet is heard, and where two of them do
// not agree no rule is named. It knows no cause.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "judge/case.hpp"
#include "judge/hooks.hpp"

namespace synfate::judge {

struct Naming {
  std::optional<model::HookEntry> entry;
  const model::HookVerdict* verdict = nullptr;  ///< that names the rule or policy; null: none does
  const model::RuleText* text = nullptr;        ///< of that rule; null: not read, or not proven to be its
  std::string gap;              ///< why the rule is not, or not wholly, known; empty: no source spoke, or nothing is missing
  bool disagreed = false;       ///< sources contradict each other, or the drop
  bool elements_later = false;  ///< the elements in `text` may be those of a ruleset that came after the drop
  bool from_earlier = false;    ///< by the drop of an earlier SYN of this attempt in the same entry of the same hook
  std::vector<std::string> evidence;

  bool named() const { return verdict != nullptr; }
  /// True, false, or not known: an entry of xtables is a policy or a rule by its text only.
  std::optional<bool> is_policy() const;
  EntryKind kind() const { return entry ? kind_of(*entry) : EntryKind::Unknown; }
};

/// About kase.drop_event(), which must be there.
Naming name_verdict(const Case& kase);

/// What is known of the rule, for the row; needs named().
model::RuleRef rule_of(const Naming& naming);

/// "fentry", "stack", "counters", "nftrace".
std::string_view how_word(model::HookVerdict::How how);

}  // namespace synfate::judge
