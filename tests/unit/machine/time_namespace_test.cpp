// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// The offsets of a time namespace as the kernel prints them, and text that is none.
#include "machine/time_namespace.hpp"

#include <doctest/doctest.h>

#include <string>

#include "base/kernel_clock.hpp"
#include "base/time.hpp"

using namespace synfate;
using namespace synfate::machine;

TEST_CASE("offsets as the kernel prints them") {
  CHECK(monotonic_offset_ns("monotonic           0         0\nboottime            0         0\n") == 0);
  CHECK(monotonic_offset_ns("monotonic        3600         5\nboottime         7200         0\n") == 3'600'000'000'005);
  CHECK(monotonic_offset_ns("monotonic         -60 500000000\nboottime            0         0\n") == -59'500'000'000);
}

TEST_CASE("what is no offset is none") {
  for (const char* text : {"", "boottime 1 2", "monotonic", "monotonic x 1", "monotonic 5", "monotonic 5 -1", "monotonic 5 1000000000",
                           "monotonic 9223372036854775807 0", "monotonic -9223372036854775807 0"}) {
    CAPTURE(text);
    CHECK(monotonic_offset_ns(text) == 0);
  }
}

TEST_CASE("this process is where the kernel's clock is, and the offset is taken off both conversions") {
  const std::int64_t ahead = monotonic_ahead_of_kernel_ns();
  const MonotonicNs before = monotonic_now();
  const WallClock wall = wall_clock_now();
  constexpr std::int64_t kHour = 3'600'000'000'000;
  set_time_namespace_offset(-kHour);
  const MonotonicNs shifted = monotonic_now();
  const WallClock same_wall = wall_clock_now();
  set_time_namespace_offset(ahead);
  CHECK(shifted >= before + kHour);
  CHECK(shifted < before + kHour + 600 * kSecond);
  // The wall clock at one moment is the same, whichever clock was counted by.
  CHECK(wall.offset_ns - same_wall.offset_ns >= kHour - static_cast<std::int64_t>(kSecond));
  CHECK(wall.offset_ns - same_wall.offset_ns <= kHour + static_cast<std::int64_t>(kSecond));
}
