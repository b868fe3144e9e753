// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// A network namespace for what shall be tried out beside the machine: no process is in it, its handle alone keeps it. Brings up no device.
#pragma once

#include <string>

#include "machine/machine.hpp"

namespace synfate::machine {

/// See Machine::make_netns_with.
Result<NetnsHandle> make_netns_with(const std::string& batch);

}  // namespace synfate::machine
