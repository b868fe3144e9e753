// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// A packet inside a tunnel's: a device below the tunnel is seen to send it again, for the kernel goes on reading what is inside
// (skb->encapsulation), and what that device does is done to the outer packet. It names no cause.
#pragma once

#include <optional>
#include <string>

#include "judge/case.hpp"

namespace synfate::judge {

/// The tunnel's device that the packet was handed to before, and has not come out of since; null if none was seen. One that was freed may
/// have waited for long, but only in the namespace of the tunnel.
const model::Event* tunnel_before(const model::Journey& journey, const model::Event& at);

/// A bridge has both as ports: then what left by the second may be a copy as well as the tunnel's outer packet.
bool on_one_bridge(const Case& kase, const model::Place& one, const model::Place& other);

/// Who was asked for when the outer packet was freed: the only address in question on that device; nothing where several are, or none is.
/// Its route is of no use: it was read as one of the inner packet's family.
std::optional<model::IpAddress> next_hop_of_outer(const Case& kase, const model::Event& drop);

/// "vxlan device vxlan0"; "eth0" where it is no tunnel's.
std::string edge_word(const model::Place& place);

}  // namespace synfate::judge
