// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Running a program to its end, within bounds; refuses shells, inherited environments and search paths.
#pragma once

#include <string>
#include <vector>

#include "machine/machine.hpp"

namespace synfate::machine {

/// See Machine::run.
Result<CommandOutput> run_command(const std::vector<std::string>& argv, const RunOptions& options);

}  // namespace synfate::machine
