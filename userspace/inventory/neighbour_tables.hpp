// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// The bounds of ARP and neighbour discovery (RTM_GETNEIGHTBL), and which entries lead to a MAC address (RTM_GETNEIGH).
#pragma once

#include <set>
#include <string>
#include <vector>

#include "machine/machine.hpp"
#include "model/inventory.hpp"

namespace synfate::inventory {

struct NeighbourBounds {
  std::vector<model::NeighbourTable> tables;
  std::vector<model::NeighbourQueue> queues;
  unsigned malformed = 0;
};

machine::NetlinkRequest neighbour_bounds_request();
NeighbourBounds decode_neighbour_bounds(const std::string& messages);

struct NeighbourEntries {
  std::vector<model::NeighbourEntry> rows;  ///< with a MAC address
  unsigned malformed = 0;
};

machine::NetlinkRequest neighbour_request();
NeighbourEntries decode_neighbours(const std::string& messages);

/// Replaces netns.neighbours, entries only with one of these MAC addresses; what could not be read becomes a gap.
void read_neighbours_of(machine::NetnsVisit& visit, const std::set<model::MacAddress>& macs, model::Netns& netns);

}  // namespace synfate::inventory
