// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Which way the kernel would send a packet, as `ip route get` asks it, and the link-layer address of the next hop. Asking changes nothing.
#pragma once

#include <string>

#include "machine/machine.hpp"
#include "model/inventory.hpp"

namespace synfate::inventory {

/// match: the route itself, its prefix and table; else what becomes of this packet, with the one next hop that was chosen for it.
machine::NetlinkRequest route_request(const model::RouteQuestion& question, bool match);
machine::NetlinkRequest neighbour_request(std::uint32_t ifindex, const model::IpAddress& address);

/// Fill in what the message says; false if it says nothing that can be understood.
bool decode_route(const std::string& messages, model::RouteAnswer& answer);
bool decode_matched_route(const std::string& messages, model::RouteAnswer& answer);
/// Nothing if it cannot be understood.
std::optional<model::Neighbour> decode_neighbour(const std::string& messages);

/// Nothing when the kernel could not be asked.
std::optional<model::RouteAnswer> read_route(machine::NetnsVisit& visit, const model::RouteQuestion& question);

}  // namespace synfate::inventory
