// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Records of the ring that are this room's own and go no further. What all others are is for wire to say.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "probe/probe.hpp"

namespace synfate::probe {

/// WIRE_KIND_INVALID where it has no header.
std::uint32_t kind_of(std::span<const std::byte> record);

/// None: it is not as long as one.
std::optional<Heading> read_heading(std::span<const std::byte> record);

}  // namespace synfate::probe
