// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Names of cgroups of version 2 by their numbers, which is all that the kernel tells of a process that has ended.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/result.hpp"

namespace synfate::machine {

/// Where the hierarchy of version 2 is mounted; none: nowhere here.
std::optional<std::string> cgroup_mount();
/// As Machine::cgroup_path(). Asks the file system itself (kernfs exports handles of that number since Linux 5.5, commit 33c5ac9175195),
/// which takes CAP_DAC_READ_SEARCH; reads nothing of the cgroup.
Result<std::string> cgroup_path_of(std::uint64_t id);

}  // namespace synfate::machine
