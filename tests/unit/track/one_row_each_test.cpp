// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Two attempts never share a row: not with one ISN, not with the same addresses in two namespaces, not without a flight record.
#include <set>

#include "records.hpp"

using namespace synfate;
using namespace synfate::track;
using namespace synfate::track::test;

namespace {

std::set<model::NetnsId> namespaces(const Journey& journey) {
  std::set<model::NetnsId> found;
  for (const Event& event : journey.events) found.insert(event.place.netns);
  return found;
}

}  // namespace

TEST_CASE("the kernel's attempt decides, not ISN and not addresses") {
  Tracker tracker;
  model::FlightRecord twin = flight(2);
  twin.origin_netns = kTwinEth.netns;
  twin.hops = {hop(0, Leg::Syn, HopKind::Xmit, kTwinEth)};
  tracker.add(flight(1));
  tracker.add(twin);
  tracker.add(streamed(2, dropped(1, Leg::Syn, kTwinEth)));
  tracker.add(streamed(1, hop(1, Leg::Syn, HopKind::Receive, kServerEth)));
  const auto journeys = finished(tracker);
  REQUIRE(journeys.size() == 2);
  CHECK(namespaces(journeys[0]) == std::set{kClient, kServer});
  CHECK(namespaces(journeys[1]) == std::set{kTwinEth.netns});
}

TEST_CASE("without a record, one ISN and two flows are two attempts") {
  Tracker tracker;
  const Flow other = flow("10.0.1.2", 40001, "10.96.0.1", 80);
  for (int round = 0; round < 3; ++round) {
    tracker.add(streamed(0, dropped(1000 * round, Leg::Syn, kServerEth, asked())));
    tracker.add(streamed(0, dropped(1000 * round + 1, Leg::Syn, kServerEth, other)));
  }
  const auto journeys = finished(tracker);
  REQUIRE(journeys.size() == 2);
  CHECK(journeys[0].faces == std::vector{asked()});
  CHECK(journeys[1].faces == std::vector{other});
  for (const Journey& journey : journeys) {
    CHECK(journey.syns == 3);
    CHECK(journey.untracked);
  }
}

TEST_CASE("without a record, one flow and two ISNs are two attempts") {
  Tracker tracker;
  tracker.add(streamed(0, dropped(0, Leg::Syn, kServerEth), 1));
  tracker.add(streamed(0, dropped(1, Leg::Syn, kServerEth), 2));
  CHECK(finished(tracker).size() == 2);
}

TEST_CASE("without a record, answers join the attempt that they turn round") {
  Tracker tracker;
  tracker.add(streamed(0, dropped(0, Leg::Syn, kServerEth)));
  tracker.add(streamed(0, hop(1, Leg::Reset, HopKind::Xmit, kServerEth, asked().reversed())));
  const auto journeys = finished(tracker);
  REQUIRE(journeys.size() == 1);
  CHECK(journeys[0].events.size() == 2);
}

TEST_CASE("without a record, sockets of two namespaces are two attempts, and each keeps its retransmits") {
  Tracker tracker;
  for (int round = 0; round < 2; ++round) {
    tracker.add(streamed(0, dropped(1000 * round, Leg::Syn, kClientEth), kIsn, true));
    tracker.add(streamed(0, dropped(1000 * round + 1, Leg::Syn, kTwinEth), kIsn, true));
  }
  const auto journeys = finished(tracker);
  REQUIRE(journeys.size() == 2);
  CHECK(namespaces(journeys[0]) == std::set{kClient});
  CHECK(namespaces(journeys[1]) == std::set{kTwinEth.netns});
  for (const Journey& journey : journeys) CHECK(journey.syns == 2);
}

TEST_CASE("an untracked event never joins an attempt that has a record") {
  Tracker tracker;
  tracker.add(flight(1));
  tracker.add(streamed(0, dropped(1, Leg::Syn, kTwinEth)));
  const auto journeys = finished(tracker);
  REQUIRE(journeys.size() == 2);
  CHECK(journeys[0].events.size() == 1);
  CHECK(journeys[1].untracked);
}

TEST_CASE("an untracked event never joins a connect() that sent no SYN") {
  Tracker tracker;
  tracker.add(no_route(0));
  tracker.add(streamed(0, dropped(1, Leg::Syn, kClientEth, no_route(0).flow), 0, true));
  CHECK(finished(tracker).size() == 2);
}

TEST_CASE("an attempt's number comes back to no other") {
  Tracker tracker({.open_quiet = kSecond});
  tracker.add(flight(1));
  due(tracker, at(100));
  due(tracker, at(5000));
  tracker.add(flight(1, 6000));
  const auto journeys = finished(tracker);
  REQUIRE(journeys.size() == 1);
  CHECK(journeys[0].id == 2);
}
