// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Can this machine run synfate, and what will not be seen: the questions of the attach plan, asked aloud.
#pragma once

#include "cli/options.hpp"

namespace synfate::cli {

int doctor(const Options& options);

}  // namespace synfate::cli
