// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Which processes are in a network namespace, or of a pod in it; a few, for those who need one to look through.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "machine/machine.hpp"
#include "model/place.hpp"

namespace synfate::inventory {

/// In ascending order, at most 64. pod_uid: only those whose cgroup is of that pod; empty: all.
std::vector<std::uint32_t> processes_in(machine::Machine& machine, model::NetnsId netns, const std::string& pod_uid);

/// Whether it is there now; a number may be another process's meanwhile.
bool is_in(machine::Machine& machine, std::uint32_t tgid, model::NetnsId netns);

}  // namespace synfate::inventory
