// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Which clock monotonic_now() tells: the kernel's own, by which events are stamped, also in a time namespace.
#pragma once

#include <cstdint>

namespace synfate {

/// In a time namespace CLOCK_MONOTONIC is ahead of the kernel's by this much: it is taken off from now on. To be called before anybody asks
/// for the time.
void set_time_namespace_offset(std::int64_t ahead_ns);

}  // namespace synfate
