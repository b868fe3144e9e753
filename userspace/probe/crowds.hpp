// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// What the gate of the flight recorder (bpf/crowds.h) has counted of the SYNs that it let pass.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "model/crowd.hpp"
#include "probe/rule_programs.hpp"

namespace synfate::probe {

/// The largest first; `reasons` are the running kernel's names.
std::vector<model::Crowd> read_crowds(const SharedMaps& shared, const std::map<std::uint32_t, std::string>& reasons);

/// How many different things were counted in these registers of a HyperLogLog: within a tenth, mostly.
std::uint64_t estimate(std::span<const std::uint8_t> registers);

}  // namespace synfate::probe
