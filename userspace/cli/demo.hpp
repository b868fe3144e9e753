// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// A private lab in which real connections fail, and their causes being named.
#pragma once

#include "cli/options.hpp"

namespace synfate::cli {

int demo(const Options& options);

}  // namespace synfate::cli
