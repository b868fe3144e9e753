// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Records of older wire versions made new, one explicit function per version step. Private to this room.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/result.hpp"

namespace synfate::wire {

/// Brings a raw record of from_version (1 to WIRE_VERSION) to WIRE_VERSION.
Status upgrade_record(std::vector<std::byte>& record, std::uint32_t from_version);

}  // namespace synfate::wire
