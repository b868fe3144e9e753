// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// How this process's clocks differ from the kernel's own. It sets none.
#pragma once

#include <cstdint>
#include <string_view>

namespace synfate::machine {

/// From the text of /proc/self/timens_offsets; 0 where that is no such text.
std::int64_t monotonic_offset_ns(std::string_view timens_offsets);
/// How far CLOCK_MONOTONIC of this process is ahead of what bpf_ktime_get_ns() counts; 0 outside of time namespaces, and where it is not
/// told.
std::int64_t monotonic_ahead_of_kernel_ns();

}  // namespace synfate::machine
