// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// One visit to a namespace: devices, addresses, bridge tables, settings; what could not be read becomes a gap, never an empty table.
#pragma once

#include <vector>

#include "inventory/peers.hpp"
#include "machine/machine.hpp"
#include "model/inventory.hpp"

namespace synfate::inventory {

/// Replaces what netns holds by what the visit finds, and its gaps by those of this visit; a table that cannot be read keeps its last rows.
/// known: the namespaces where peers of veths may be.
void read_devices_of(machine::NetnsVisit& visit, model::Netns& netns, const std::vector<model::NetnsId>& known, const OpenNetns& open);
void read_details_of(machine::NetnsVisit& visit, model::Netns& netns, const std::vector<model::NetnsId>& known, const OpenNetns& open);

}  // namespace synfate::inventory
