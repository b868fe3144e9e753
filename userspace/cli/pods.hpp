// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// What is known of the machine, printed.
#pragma once

#include "cli/options.hpp"

namespace synfate::cli {

int pods(const Options& options);

}  // namespace synfate::cli
