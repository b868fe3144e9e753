// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// One connection as conntrack has it, asked for by name over ctnetlink: never a list, which may have a million entries.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "machine/machine.hpp"
#include "model/nat.hpp"

namespace synfate::inventory {

/// For the TCP connection whose first packet came in with these addresses; conntrack's zone 0.
machine::NetlinkRequest tracked_request(const model::Flow& original);
/// The answer; none if it is another kind of message, malformed, or of another connection.
std::optional<model::TrackedFlow> decode_tracked(std::string_view message, const model::Flow& original);

/// None: it could not be asked. Without such an entry there is no reply in it.
std::optional<model::TrackedFlow> read_tracked_flow(machine::NetnsVisit& visit, const model::Flow& original);

}  // namespace synfate::inventory
