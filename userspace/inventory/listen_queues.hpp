// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// How full the queues of one port's listeners are, and what TCP has counted of listeners: a moment's reading, which changes nothing.
#pragma once

#include <optional>
#include <string_view>

#include "machine/machine.hpp"
#include "model/listen.hpp"

namespace synfate::inventory {

/// The text of /proc/net/netstat; nothing if it has no such counters.
std::optional<model::ListenCounters> parse_netstat(std::string_view text);

/// Of the namespace alone; read is false where that failed.
model::ListenCounters read_listen_counters(machine::NetnsVisit& visit);

/// Everything but the time and the owners. Errors as of read_listen_table().
Result<model::ListenReading> read_listen_queues(machine::NetnsVisit& visit, bool ask_inet_diag, std::uint16_t port);

}  // namespace synfate::inventory
