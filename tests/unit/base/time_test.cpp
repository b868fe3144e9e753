// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Times as people read them, and durations as they type them.
#include "base/time.hpp"

#include <doctest/doctest.h>

#include <string>
#include <string_view>

using namespace synfate;

TEST_CASE("a monotonic time is shown as UTC") {
  const WallClock clock{1'795'185'631'000'000'000};
  CHECK(iso_utc(clock, 0) == "2026-11-20T14:40:31.000000Z");
  CHECK(iso_utc(clock, 204'113'999) == "2026-11-20T14:40:31.204113Z");
  CHECK(clock_time(clock, 204'999'999) == "14:40:31.204");
}

TEST_CASE("fractions carry into seconds, days and years") {
  const WallClock clock{1'798'761'599'999'999'999};
  CHECK(iso_utc(clock, 0) == "2026-12-31T23:59:59.999999Z");
  CHECK(iso_utc(clock, 1) == "2027-01-01T00:00:00.000000Z");
  CHECK(clock_time(clock, 1) == "00:00:00.000");
}

TEST_CASE("a time before 1970 is still a time") {
  CHECK(iso_utc(WallClock{-1}, 0) == "1969-12-31T23:59:59.999999Z");
  CHECK(iso_utc(WallClock{-1'000'000'000}, 0) == "1969-12-31T23:59:59.000000Z");
  CHECK(clock_time(WallClock{-1'500'000'000}, 1'000'000'000) == "23:59:59.500");
}

TEST_CASE("a recording's hostile times give odd dates and nothing worse") {
  for (const std::int64_t offset : {INT64_MIN, INT64_MIN / 2, std::int64_t{0}, INT64_MAX / 2, INT64_MAX}) {
    for (const MonotonicNs time : {MonotonicNs{0}, MonotonicNs{INT64_MAX}, MonotonicNs{UINT64_MAX}}) {
      CAPTURE(offset);
      CAPTURE(time);
      CHECK(iso_utc(WallClock{offset}, time).back() == 'Z');
      CHECK(clock_time(WallClock{offset}, time).size() == 12);
    }
  }
}

TEST_CASE("clocks move forward and agree") {
  const MonotonicNs before = monotonic_now();
  const WallClock clock = wall_clock_now();
  const MonotonicNs after = monotonic_now();
  CHECK(before <= after);
  CHECK(before > 0);
  // Any machine that builds this lives after 2020.
  CHECK(iso_utc(clock, after) > "2020");
}

TEST_CASE("durations") {
  CHECK(parse_duration("500ms") == 500 * kMillisecond);
  CHECK(parse_duration("30s") == 30 * kSecond);
  CHECK(parse_duration("30") == 30 * kSecond);
  CHECK(parse_duration("5m") == 300 * kSecond);
  CHECK(parse_duration("1h") == 3600 * kSecond);
  CHECK(parse_duration("1ms") == kMillisecond);
  CHECK(parse_duration("87600h") == 87600 * 3600 * kSecond);
}

TEST_CASE("what is no duration") {
  for (const std::string_view text :
       {"", "0", "0s", "s", "-1s", "+1s", " 1s", "1s ", "1 s", "1.5s", "1d", "1S", "1mss", "5m30s", "1us", "0x1s", "inf"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_duration(text));
  }
}

TEST_CASE("a duration never wraps around") {
  for (const std::string_view text : {"87601h", "18446744073709551615", "18446744073709551616", "18446744073709551615ms",
                                      "5124095576030431h", "99999999999999999999999999h"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_duration(text));
  }
}
