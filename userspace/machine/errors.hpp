// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// errno to Error, one way for the whole room; refuses to guess at hints, which belong to those who know what was wanted.
#pragma once

#include <string>

#include "base/result.hpp"

namespace synfate::machine {

/// "cannot read /x", "No such file or directory", with the kind that error_number stands for.
Error errno_error(int error_number, std::string what);

}  // namespace synfate::machine
