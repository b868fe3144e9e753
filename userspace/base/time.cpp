// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "base/time.hpp"

#include <charconv>
#include <cstdio>
#include <ctime>

#include "base/kernel_clock.hpp"

namespace synfate {
namespace {

std::int64_t ahead_of_kernel_ns = 0;

std::int64_t clock_ns(clockid_t id) {
  timespec now{};
  clock_gettime(id, &now);
  return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

struct Calendar {
  std::tm tm{};
  long nanoseconds = 0;
};

Calendar calendar(const WallClock& clock, MonotonicNs time) {
  // Unsigned, so that the offset of a hostile recording wraps instead of overflowing.
  const auto wall = static_cast<std::int64_t>(time + static_cast<std::uint64_t>(clock.offset_ns));
  Calendar result;
  std::time_t seconds = wall / 1'000'000'000;
  result.nanoseconds = wall % 1'000'000'000;
  if (result.nanoseconds < 0) {
    result.nanoseconds += 1'000'000'000;
    --seconds;
  }
  gmtime_r(&seconds, &result.tm);
  return result;
}

}  // namespace

WallClock wall_clock_now() { return {clock_ns(CLOCK_REALTIME) - (clock_ns(CLOCK_MONOTONIC) - ahead_of_kernel_ns)}; }

MonotonicNs monotonic_now() { return static_cast<MonotonicNs>(clock_ns(CLOCK_MONOTONIC) - ahead_of_kernel_ns); }

void set_time_namespace_offset(std::int64_t ahead_ns) { ahead_of_kernel_ns = ahead_ns; }

std::string iso_utc(const WallClock& clock, MonotonicNs time) {
  const Calendar at = calendar(clock, time);
  char text[64];
  std::snprintf(text, sizeof text, "%04d-%02d-%02dT%02d:%02d:%02d.%06ldZ", at.tm.tm_year + 1900, at.tm.tm_mon + 1, at.tm.tm_mday,
                at.tm.tm_hour, at.tm.tm_min, at.tm.tm_sec, at.nanoseconds / 1000);
  return text;
}

std::string clock_time(const WallClock& clock, MonotonicNs time) {
  const Calendar at = calendar(clock, time);
  char text[32];
  std::snprintf(text, sizeof text, "%02d:%02d:%02d.%03ld", at.tm.tm_hour, at.tm.tm_min, at.tm.tm_sec, at.nanoseconds / 1'000'000);
  return text;
}

std::optional<DurationNs> parse_duration(std::string_view text) {
  DurationNs number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end == text.data() || number == 0) return std::nullopt;
  const std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
  DurationNs scale = 0;
  if (unit == "ms") scale = kMillisecond;
  if (unit == "s" || unit.empty()) scale = kSecond;
  if (unit == "m") scale = 60 * kSecond;
  if (unit == "h") scale = 3600 * kSecond;
  // Ten years: longer than any session, and far from overflow.
  constexpr DurationNs kLongest = 10ULL * 365 * 24 * 3600 * kSecond;
  if (scale == 0 || number > kLongest / scale) return std::nullopt;
  return number * scale;
}

}  // namespace synfate
