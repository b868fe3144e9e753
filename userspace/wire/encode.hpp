// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// A record of include/synfate/wire.h made by user space, for evidence that the kernel tells by other ways than the ring: recorded and
// replayed like any other. What is decoded again is what was encoded, but for names that are longer than their fields.
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "model/record.hpp"

namespace synfate::wire {

/// A wire_verdict; nothing for an event that is not a HookVerdict.
std::optional<std::vector<std::byte>> encode_verdict(const model::StreamedEvent& event);

}  // namespace synfate::wire
