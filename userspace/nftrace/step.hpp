// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// One rule that a traced SYN met, as a value, and as the event that the rooms above know.
#pragma once

#include <cstdint>
#include <string>

#include "base/time.hpp"
#include "model/record.hpp"

namespace synfate::nftrace {

struct Step {
  enum class Backend : std::uint8_t { NfTables, XtablesLegacy };
  /// Return: the end of a user-defined chain. xtables' TRACE names a rule before its target is asked, so it has no outcome.
  enum class Kind : std::uint8_t { Rule, Return, Policy };

  Backend backend = Backend::NfTables;
  Kind kind = Kind::Rule;
  model::HookVerdict::Outcome outcome = model::HookVerdict::Outcome::Other;
  model::NetnsId netns = 0;
  std::uint32_t trace_id = 0;  ///< the kernel's, the same for one packet in one namespace; 0: the backend gives none
  std::uint8_t family = 0;     ///< NFPROTO_* of the table
  std::string table;           ///< untrusted
  std::string chain;           ///< untrusted
  std::uint64_t handle = 0;    ///< nf_tables, of a rule
  std::uint32_t number = 0;    ///< xtables, from 1 in its chain, its policy or its end included
  std::string target;          ///< untrusted; of a jump or goto
  std::uint32_t in_ifindex = 0;
  std::uint32_t out_ifindex = 0;
  model::Flow flow;  ///< as it was in this table
  std::uint32_t isn = 0;
};

/// As if the kernel side had sent it, of no known attempt: the flow, the ISN and the namespace tell which it belongs to. after_loss: steps
/// of the same packet may be missing.
model::StreamedEvent to_event(const Step& step, MonotonicNs time, bool after_loss = false);

}  // namespace synfate::nftrace
