// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// A netfilter drop as its causes share it: hook, hook entry, rule and the command that shows them, put into a finding once. Which cause it
// is, is not decided here.
#pragma once

#include <optional>
#include <string>

#include "judge/cause_table.hpp"
#include "judge/naming.hpp"

namespace synfate::judge {

/// The drop that decides, when a netfilter hook did it.
struct NetfilterDrop {
  const model::Event& event;
  const model::Drop& drop;
  Naming naming;
};

std::optional<NetfilterDrop> netfilter_drop(const Case& kase);

/// With the rule as far as it is known, and why no further; for a hook entry that has no rules, without a rule.
Finding netfilter_finding(const Case& kase, const NetfilterDrop& netfilter);
/// Why no rule is named, for a drop that has none.
std::string why_unnamed(const NetfilterDrop& netfilter);
/// The same finding for a cause that is no rule's: the hook entry itself decided.
Finding entry_finding(const Case& kase, const NetfilterDrop& netfilter);

}  // namespace synfate::judge
