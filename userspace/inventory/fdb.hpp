// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// What the bridges of one namespace have learned, from an RTM_GETNEIGH dump; refuses entries of other kinds of devices.
#pragma once

#include <string>
#include <vector>

#include "machine/machine.hpp"
#include "model/inventory.hpp"

namespace synfate::inventory {

struct FdbTable {
  std::vector<model::FdbEntry> rows;
  unsigned malformed = 0;
};

machine::NetlinkRequest fdb_request();
FdbTable decode_fdb(const std::string& messages);

}  // namespace synfate::inventory
