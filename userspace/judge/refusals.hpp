// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// A listener that refused a SYN, by the word of the function that decides. It is the kernel's own record, and goes before all that counters
// and silence suggest.
#pragma once

#include <optional>

#include "judge/cause_table.hpp"

namespace synfate::judge {

enum class RefusedFor : unsigned char {
  AcceptQueue,
  SynQueue,
  SynReserve,  ///< the last quarter of net.ipv4.tcp_max_syn_backlog, which is kept for peers that the kernel knows
  Security,
  NoRoute,
  Unnamed,  ///< memory, for one
};

struct ListenerRefusal {
  const model::Event* event = nullptr;  ///< the last one
  const model::Decision* decision = nullptr;
  RefusedFor reason = RefusedFor::Unnamed;
  unsigned times = 0;                             ///< SYNs of this attempt that were refused
  const model::ListenSocket* listener = nullptr;  ///< as it was read meanwhile; null: it was not
  const model::RouteAnswer* way_back = nullptr;   ///< NoRoute: the namespace's own word
  std::optional<bool> in_reserve;                 ///< the mark of SynReserve was passed; none: not known, or not for certain
};

/// Nothing when none was seen, or an answer came after it.
std::optional<ListenerRefusal> refusal_of(const Case& kase);
/// "python3[42]", or the address where it is not known whose it is.
std::string refuser_words(const ListenerRefusal& refusal);
/// What happened and what was counted; the caller says why, and what to do.
Finding finding_about_refusal(const Case& kase, const ListenerRefusal& refusal);
/// For an attempt that got through in the end: "2 SYNs were refused by ... before", empty where none was.
std::string earlier_refusals(const Case& kase);

}  // namespace synfate::judge
