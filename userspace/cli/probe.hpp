// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// `synfate probe`: a real connect() from inside somebody's network namespace, and its fate.
#pragma once

#include "cli/options.hpp"

namespace synfate::cli {

/// The exit status.
int probe(const Options& options);

}  // namespace synfate::cli
