// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "inventory/ruleset.hpp"

#include "inventory/ruleset_nft.hpp"
#include "inventory/ruleset_xt.hpp"
#include "inventory/tools.hpp"

namespace synfate::inventory {

model::RuleText read_rule_text(machine::Machine& machine, const machine::NetnsHandle& netns, std::uint32_t example_tgid,
                               const RuleQuestion& question) {
  model::RuleText text;
  text.key = question.key;
  switch (question.key.kind) {
    case model::RuleKey::Kind::None: text.gap = "the rule was not determined"; return text;
    case model::RuleKey::Kind::NftRule:
    case model::RuleKey::Kind::NftPolicy:
      text.chain = question.key.chain;
      read_nft_text(machine, netns, tool_boxes_for(machine, example_tgid), question, text);
      return text;
    case model::RuleKey::Kind::XtRule:
      text.backend = "iptables-legacy";
      text.chain = question.chain;
      read_legacy_text(machine, netns, tool_boxes_for(machine, example_tgid), question, text);
      return text;
  }
  return text;
}

}  // namespace synfate::inventory
