// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// What several causes ask of devices: the other end of a veth, and whether one is down and why. It names no cause.
#pragma once

#include <optional>
#include <string>

#include "judge/case.hpp"

namespace synfate::judge {

/// The kernel freed it without saying why.
bool is_unnamed(const model::Drop& drop);

/// The other end of a veth; null where it was not read.
const model::Link* peer_of(const Case& kase, const model::Link& link);

/// Freed in the check whether the other end takes it: is it up, is the packet small enough.
bool is_refused_by_peer(const model::Drop& drop);

struct DownDevice {
  model::NetnsId netns = 0;
  const model::Link* link = nullptr;  ///< the one to look at
  std::string words;                  ///< "eth0 in netns a has no carrier: its other end, eth0 in netns b, is down"
};
/// Nothing where that device is up and has a carrier, or where it was not read.
std::optional<DownDevice> down_device(const Case& kase, model::NetnsId netns, const model::Link& link);

/// "ip -d link show dev eth0", there.
std::string show_device(const Case& kase, model::NetnsId netns, const model::Link& link);

}  // namespace synfate::judge
