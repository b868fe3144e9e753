// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Whether the kernel may be asked for what a module of its own does: refuses to make it load one.
#pragma once

#include <string>

#include "machine/machine.hpp"

namespace synfate::inventory {

/// True where the module is there already, as a part of the kernel too, and where none can be loaded.
bool asking_loads_nothing(machine::Machine& machine, const std::string& module);

}  // namespace synfate::inventory
