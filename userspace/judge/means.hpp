// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// What a rule that dropped or rejected a SYN stands for, in the words of the engine that wrote it: a Service without endpoints, a
// NetworkPolicy that admits nobody. Engines are told by chain and shape together. A rule that only looks like an engine's means nothing,
// and where an engine's rule names no policy that is what is said: a policy that is named wrongly is worse than none.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/address.hpp"
#include "model/verdict.hpp"
#include "model/who.hpp"

namespace synfate::judge {

/// All that an engine's rule may be told by. Every string is untrusted.
struct RuleContext {
  model::RuleRef rule;
  std::vector<std::string_view> chain;  ///< the rules of its chain in order, each as rule.text would be; empty: not read
  std::string chain_comment;            ///< nftables chains may carry one
  model::Flow flow;                     ///< as the dropping hook saw it
  std::string_view device_in;
  std::string_view device_out;
  const model::Pod* source_pod = nullptr;       ///< null: not known, or no pod
  const model::Pod* destination_pod = nullptr;  ///< null: not known, or no pod
  const model::ServicePort* service = nullptr;  ///< that the client asked for; null: not known, or none
  std::string_view queue_owner;                 ///< nfqueue_drop: comm of the process that owns the queue; else empty
  std::uint32_t queue_number = 0;
};

/// What it stands for; nothing where no engine's rule is recognised without doubt.
std::optional<model::Means> means_of(const RuleContext& context);

/// A command for the `next` line, ready to paste: only names that no shell can misread are put into it. Empty: none.
std::string next_of(const model::Means& means);

}  // namespace synfate::judge
