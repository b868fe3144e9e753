// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// The addresses of one namespace's devices from an RTM_GETADDR dump; refuses anything but IPv4 and IPv6.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "machine/machine.hpp"
#include "model/inventory.hpp"

namespace synfate::inventory {

struct AddressTable {
  std::vector<std::pair<std::uint32_t, model::InterfaceAddress>> rows;  ///< with the device's ifindex
  unsigned malformed = 0;
};

machine::NetlinkRequest address_request();
AddressTable decode_addresses(const std::string& messages);

}  // namespace synfate::inventory
