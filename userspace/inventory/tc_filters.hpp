// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// What is asked about packets at one side of a device: programs of tcx first, then the filters of clsact or ingress, as the kernel does.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "machine/machine.hpp"
#include "model/inventory.hpp"

namespace synfate::inventory {

machine::NetlinkRequest tc_filter_request(std::uint32_t ifindex, bool ingress);

struct TcFilterTable {
  std::vector<model::TcFilter> rows;  ///< in the order in which they are tried
  unsigned malformed = 0;
  bool cut = false;  ///< there are more filters, or more actions of one, than are kept
};
TcFilterTable decode_tc_filters(const std::string& messages);

model::TcSide read_tc_side(machine::NetnsVisit& visit, std::uint32_t ifindex, bool ingress);

}  // namespace synfate::inventory
