// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// A recording judged again, with the recorded time for a clock.
#pragma once

#include "cli/options.hpp"

namespace synfate::cli {

int replay(const Options& options);

}  // namespace synfate::cli
