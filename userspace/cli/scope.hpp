// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// The filter as typed, resolved against this machine: paths become inode numbers.
#pragma once

#include "base/result.hpp"
#include "cli/options.hpp"
#include "machine/machine.hpp"
#include "probe/probe.hpp"

namespace synfate::cli {

/// Usage errors name what was typed and what would fit.
Result<probe::Filter> resolve_filter(const FilterOptions& typed, machine::Machine& machine);

}  // namespace synfate::cli
