// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// One raw record of include/synfate/wire.h as values with names. Believes no size, count or number in it; judges nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <variant>
#include <vector>

#include "base/result.hpp"
#include "model/record.hpp"
#include "wire/kernel_names.hpp"

namespace synfate::wire {

using model::FlightRecord;
using model::RouteFailureRecord;
using model::StreamedEvent;
using Decoded = model::Record;

/// BadData, saying what is wrong, for anything that is not exactly one whole record of this WIRE_VERSION.
Result<Decoded> decode(std::span<const std::byte> record, const KernelNames& names);

}  // namespace synfate::wire
