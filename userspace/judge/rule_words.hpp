// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// What the text of one rule proves of it. What is quoted in it (comments, log prefixes) proves nothing, and neither does a text that is not
// understood.
#pragma once

#include "model/rule.hpp"

namespace synfate::judge {

/// It matches packets that conntrack calls invalid, and no others: a list of more states, or a negation, is no proof.
bool matches_only_invalid(const model::RuleText& rule);
/// Its target is one of NAT's.
bool is_nat_rule(const model::RuleText& rule);

enum class Answers : unsigned char { Unknown, Never, Always };
/// Whether it answers the packets that it drops: a REJECT. `rule` may be null.
Answers answers_of(const model::HookVerdict& verdict, const model::RuleText* rule);

}  // namespace synfate::judge
