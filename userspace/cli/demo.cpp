// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "cli/demo.hpp"

namespace synfate::cli {

int demo(const Options&) { return 0; }

}  // namespace synfate::cli
