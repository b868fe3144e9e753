// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// What tracing told of the rules of iptables-legacy that a dropped SYN met: which came last, and whether that says anything. Whether the
// rule drops what it matches is not in the trace, and not known here.
#pragma once

#include <string>

#include "model/journey.hpp"

namespace synfate::judge {

struct LegacyTrace {
  const model::Event* line = nullptr;  ///< a HookVerdict of NfTrace; null: none was told near that drop
  std::string doubt;                   ///< why it need not be the last rule that the dropped packet met; empty: it is
};

/// drop: an event of that journey. Null for all that was not freed by a hook of which the traversal is known.
LegacyTrace last_legacy_trace(const model::Journey& journey, const model::Event& drop);

}  // namespace synfate::judge
