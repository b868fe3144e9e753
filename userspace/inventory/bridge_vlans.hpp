// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Which VLANs the bridges of a namespace and their ports take, from an RTM_GETLINK dump of family AF_BRIDGE.
#pragma once

#include <string>
#include <vector>

#include "machine/machine.hpp"
#include "model/inventory.hpp"

namespace synfate::inventory {

struct BridgeVlanTable {
  std::vector<model::BridgeVlans> rows;
  unsigned malformed = 0;
};

machine::NetlinkRequest bridge_vlan_request();
BridgeVlanTable decode_bridge_vlans(const std::string& messages);

}  // namespace synfate::inventory
