// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Which functions the running kernel has now, its modules included: what fentry programs can be attached to.
#pragma once

#include <set>
#include <string>

namespace synfate::probe {

/// Those of `wanted` that /proc/kallsyms lists. Takes tens of milliseconds: not for every drop.
std::set<std::string> kernel_functions(const std::set<std::string>& wanted);

}  // namespace synfate::probe
