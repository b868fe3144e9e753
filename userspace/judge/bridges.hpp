// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// A packet that a bridge freed: which port it came in by, which it was for by the forwarding table, and which others there are. It names
// no cause.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "judge/case.hpp"

namespace synfate::judge {

struct BridgeCrossing {
  const model::Netns* netns = nullptr;  ///< null: nothing of the bridge was read, and so all below is null too
  const model::Link* bridge = nullptr;
  const model::Link* in = nullptr;         ///< a bridge port; null for what the node sends itself
  const model::Link* out = nullptr;        ///< another port, the only one that has the destination behind it
  bool known = true;                       ///< the forwarding table has the destination, or it is no single station's, or is not known
  std::vector<const model::Link*> others;  ///< ports but for `in`
  bool decides_way = false;                ///< freed without a reason where the bridge decides whereto
};

/// Nothing unless the drop that decides was made by a bridge itself, not by a rule on it.
std::optional<BridgeCrossing> bridge_crossing(const Case& kase);

/// The port is locked, and the bridge does not have the sender behind it: that is looked at before where the packet goes
/// (br_handle_frame_finish(), since such ports came with 5.18).
bool is_locked_out(const model::Drop& drop, const BridgeCrossing& crossing);

/// "forwarding", "blocking", ...
std::string_view port_state_word(std::uint8_t state);

}  // namespace synfate::judge
