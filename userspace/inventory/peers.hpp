// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Where the other ends of veths are: by asking the kernel which namespace a number stands for, never by likeness.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <vector>

#include "machine/machine.hpp"
#include "model/place.hpp"

namespace synfate::inventory {

/// Opens a namespace by number.
using OpenNetns = std::function<Result<machine::NetnsHandle>(model::NetnsId)>;

/// Which of the known namespaces the visited one calls by each wanted number; those not found are left out.
std::map<std::uint32_t, model::NetnsId> resolve_nsids(machine::NetnsVisit& visit, std::set<std::uint32_t> wanted,
                                                      const std::vector<model::NetnsId>& known, const OpenNetns& open);

}  // namespace synfate::inventory
