// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// The flight record, the only wire record of variable length. Private to this room.
#pragma once

#include <cstddef>
#include <span>

#include "base/result.hpp"
#include "wire/decode.hpp"

namespace synfate::wire {

Result<FlightRecord> decode_flight(std::span<const std::byte> record);

}  // namespace synfate::wire
