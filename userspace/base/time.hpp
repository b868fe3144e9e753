// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Times: monotonic nanoseconds inside, UTC only where a person or a file reads them. Nobody below cli asks for the time.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace synfate {

/// CLOCK_MONOTONIC, as bpf_ktime_get_ns() counts it.
using MonotonicNs = std::uint64_t;
/// A span in nanoseconds.
using DurationNs = std::uint64_t;

inline constexpr DurationNs kMillisecond = 1'000'000;
inline constexpr DurationNs kSecond = 1'000'000'000;

/// What to add to a monotonic time for the wall clock; taken once, so rows of one session compare.
struct WallClock {
  std::int64_t offset_ns = 0;
};

WallClock wall_clock_now();
MonotonicNs monotonic_now();

/// "2026-11-20T14:40:31.204113Z"
std::string iso_utc(const WallClock& clock, MonotonicNs time);
/// "14:40:31.204" in UTC.
std::string clock_time(const WallClock& clock, MonotonicNs time);

/// "500ms", "30s", "5m", "1h", or a bare number of seconds; nothing for anything else, zero and overflow included.
std::optional<DurationNs> parse_duration(std::string_view text);

}  // namespace synfate
