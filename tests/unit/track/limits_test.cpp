// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Memory is bounded, by number and by time, and what had to go unjudged is counted.
#include <string>

#include "records.hpp"

using namespace synfate;
using namespace synfate::track;
using namespace synfate::track::test;

namespace {

/// Judges everything and lets time pass: how many are still known is seen by what the next events make of them.
bool still_knows(Tracker& tracker, std::uint64_t attempt, double milliseconds) {
  tracker.add(streamed(attempt, hop(milliseconds, Leg::Syn, HopKind::Xmit, kClientEth)));
  for (const Journey& journey : finished(tracker))
    if (!journey.untracked) return true;
  return false;
}

}  // namespace

TEST_CASE("no more than max_open attempts are kept, and the oldest goes first") {
  Tracker tracker({.max_open = 10});
  for (std::uint64_t attempt = 1; attempt <= 25; ++attempt) tracker.add(flight(attempt));
  CHECK(tracker.forgotten() == 15);
  const auto journeys = due(tracker, at(100));
  REQUIRE(journeys.size() == 10);
  CHECK(journeys.front().id == 16);
  CHECK(journeys.back().id == 25);
}

TEST_CASE("a judged and finished attempt makes room before an open one, and is no loss") {
  Tracker tracker({.max_open = 2});
  tracker.add(flight(1));
  tracker.add(flight(2));
  tracker.add(streamed(2, state(1, kClient, false, 2, 1)));
  due(tracker, at(100));
  tracker.add(flight(3, 200));
  CHECK(tracker.forgotten() == 0);
  const auto journeys = finished(tracker);
  REQUIRE(journeys.size() == 2);
  CHECK(journeys[0].id == 1);
  CHECK(journeys[1].id == 3);
}

TEST_CASE("a finished attempt that was never judged is not given up for nothing") {
  Tracker tracker({.max_open = 2});
  tracker.add(flight(1));
  tracker.add(flight(2));
  tracker.add(streamed(2, state(1, kClient, false, 2, 1)));
  tracker.add(flight(3));
  CHECK(tracker.forgotten() == 1);
  const auto journeys = finished(tracker);
  REQUIRE(journeys.size() == 2);
  CHECK(journeys[0].id == 2);
}

TEST_CASE("a forgotten attempt is not judged any more, and its news opens one that says what is missing") {
  Tracker tracker({.max_open = 1});
  tracker.add(flight(1));
  tracker.add(flight(2));
  CHECK(due(tracker, at(100)).size() == 1);
  tracker.add(streamed(1, dropped(1000, Leg::Syn, kServerEth)));
  const auto journeys = due(tracker, at(2000));
  REQUIRE(journeys.size() == 1);
  CHECK(journeys[0].id == 3);
  CHECK(journeys[0].untracked);
}

TEST_CASE("an open attempt outlives the longest pause between two SYNs") {
  Tracker tracker({.open_quiet = 150 * kSecond});
  tracker.add(flight(1));
  due(tracker, at(100));
  SUBCASE("kept") {
    due(tracker, at(150'000));
    CHECK(still_knows(tracker, 1, 150'001));
  }
  SUBCASE("forgotten, which is no loss: it was judged") {
    due(tracker, at(150'002));
    CHECK_FALSE(still_knows(tracker, 1, 150'003));
    CHECK(tracker.forgotten() == 0);
  }
}

TEST_CASE("a finished attempt waits for stragglers, and not for longer") {
  Tracker tracker({.over_quiet = 6 * kSecond});
  tracker.add(flight(1));
  tracker.add(streamed(1, state(2, kClient, false, 2, 7)));
  due(tracker, at(100));
  SUBCASE("kept") {
    due(tracker, at(6001));
    CHECK(still_knows(tracker, 1, 6001.5));
  }
  SUBCASE("forgotten") {
    due(tracker, at(6003));
    CHECK_FALSE(still_knows(tracker, 1, 6004));
  }
}

TEST_CASE("what waits for its judgement is never forgotten by time") {
  Tracker tracker({.settle = 20 * kMillisecond, .over_quiet = kMillisecond, .open_quiet = kMillisecond});
  tracker.add(flight(1, 1));
  CHECK(due(tracker, at(15)).empty());
  CHECK(due(tracker, at(21)).size() == 1);
}

TEST_CASE("neighbours of before are bounded too") {
  Tracker tracker;
  for (unsigned i = 0; i < 1000; ++i) tracker.add(neighbour(i, kClientEth, ("10.0.2." + std::to_string(i % 250)).c_str(), true));
  tracker.add(flight(1, 1000));
  const auto journeys = finished(tracker);
  REQUIRE(journeys.size() == 1);
  CHECK(journeys[0].neighbours.size() == kMaxNeighbours);
}
