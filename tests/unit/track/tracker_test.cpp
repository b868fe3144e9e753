// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// When attempts are judged, what losses and neighbours reach them, and how they end.
#include "records.hpp"

using namespace synfate;
using namespace synfate::track;
using namespace synfate::track::test;

TEST_CASE("nothing waits in an empty tracker") {
  Tracker tracker;
  CHECK_FALSE(tracker.next_due());
  CHECK(due(tracker, at(1e6)).empty());
  CHECK(finished(tracker).empty());
}

TEST_CASE("an attempt is judged when it has settled, not before, and once") {
  Tracker tracker({.settle = 20 * kMillisecond});
  tracker.add(flight(9, 1));
  REQUIRE(tracker.next_due() == at(21));
  CHECK(due(tracker, at(20.999)).empty());
  const auto journeys = due(tracker, at(21));
  REQUIRE(journeys.size() == 1);
  CHECK(journeys[0].id == 1);
  CHECK_FALSE(tracker.next_due());
  CHECK(due(tracker, at(100)).empty());
}

TEST_CASE("what comes while it settles is judged with it; what comes later is news") {
  Tracker tracker({.settle = 20 * kMillisecond});
  tracker.add(flight(9, 1));
  tracker.add(streamed(9, dropped(15, Leg::Syn, kServerEth)));
  CHECK(tracker.next_due() == at(21));
  auto journeys = due(tracker, at(30));
  REQUIRE(journeys.size() == 1);
  CHECK(journeys[0].events.size() == 2);
  tracker.add(streamed(9, socket(1000, SocketEventKind::Retransmit, kClient)));
  CHECK(tracker.next_due() == at(1020));
  journeys = due(tracker, at(1020));
  REQUIRE(journeys.size() == 1);
  CHECK(journeys[0].id == 1);
  CHECK(journeys[0].syns == 2);
}

TEST_CASE("the earliest is judged first") {
  Tracker tracker;
  model::FlightRecord late = flight(1, 50);
  model::FlightRecord early = flight(2, 5);
  tracker.add(late);
  tracker.add(early);
  const auto journeys = due(tracker, at(100));
  REQUIRE(journeys.size() == 2);
  CHECK(journeys[0].id == 2);
  CHECK(journeys[1].id == 1);
}

TEST_CASE("a second flight record of the same attempt is no second attempt") {
  Tracker tracker;
  tracker.add(flight(9, 1));
  tracker.add(flight(9, 2));
  CHECK(finished(tracker).size() == 1);
}

TEST_CASE("a connect() without a route is a row of its own, each time") {
  Tracker tracker;
  tracker.add(no_route(1));
  tracker.add(no_route(2));
  const auto journeys = due(tracker, at(100));
  REQUIRE(journeys.size() == 2);
  CHECK_FALSE(journeys[0].sent_a_syn);
}

TEST_CASE("an event whose flight record was lost opens an attempt that says so") {
  Tracker tracker;
  tracker.add(streamed(9, dropped(1, Leg::Syn, kServerEth), kIsn, true));
  tracker.add(streamed(9, dropped(1000, Leg::Syn, kServerEth)));
  const auto journeys = due(tracker, at(2000));
  REQUIRE(journeys.size() == 1);
  CHECK(journeys[0].untracked);
  CHECK(journeys[0].local_client);
  CHECK(journeys[0].syns == 2);
  CHECK(journeys[0].origin_netns == kServer);
  CHECK(journeys[0].faces == std::vector{asked()});
}

TEST_CASE("losses lower what is open, and nothing that comes after") {
  Tracker tracker;
  tracker.add(flight(1));
  tracker.lose(3);
  tracker.lose(2);
  tracker.add(flight(2));
  const auto journeys = due(tracker, at(100));
  REQUIRE(journeys.size() == 2);
  CHECK(journeys[0].events_lost == 5);
  CHECK(journeys[1].events_lost == 0);
}

TEST_CASE("the end of the session ends every attempt, in the order of appearance") {
  Tracker tracker;
  tracker.add(flight(1, 50));
  tracker.add(flight(2, 5));
  tracker.add(no_route(1));
  const auto journeys = finished(tracker);
  REQUIRE(journeys.size() == 3);
  for (std::size_t i = 0; i < 3; ++i) {
    CHECK(journeys[i].id == i + 1);
    CHECK(journeys[i].ended);
  }
  CHECK(journeys[0].interrupted);
  CHECK_FALSE(journeys[2].interrupted);
  CHECK_FALSE(tracker.next_due());
  CHECK(finished(tracker).empty());
}

TEST_CASE("neighbours reach the attempts that were in their namespace, and make them news") {
  Tracker tracker;
  tracker.add(flight(1));
  model::FlightRecord elsewhere = flight(2);
  elsewhere.origin_netns = kTwinEth.netns;
  elsewhere.hops = {hop(0, Leg::Syn, HopKind::Xmit, kTwinEth)};
  tracker.add(elsewhere);
  due(tracker, at(100));
  tracker.add(neighbour(200, kClientEth, "10.0.1.1", false));
  const auto journeys = due(tracker, at(300));
  REQUIRE(journeys.size() == 1);
  CHECK(journeys[0].id == 1);
  REQUIRE(journeys[0].neighbours.size() == 1);
  CHECK_FALSE(journeys[0].neighbours[0].failed);
}

TEST_CASE("a neighbour that failed just before the flight record came is not forgotten; an old one is") {
  Tracker tracker;
  tracker.add(neighbour(1, kClientEth, "10.0.1.1", false));
  tracker.add(neighbour(6000, kClientEth, "10.0.1.9", true));
  tracker.add(neighbour(6000, kTwinEth, "10.0.1.9", true));
  tracker.add(flight(1, 6500));
  const auto journeys = due(tracker, at(7000));
  REQUIRE(journeys.size() == 1);
  REQUIRE(journeys[0].neighbours.size() == 1);
  CHECK(to_string(journeys[0].neighbours[0].address) == "10.0.1.9");
  CHECK(journeys[0].neighbours[0].place.netns == kClient);
}

TEST_CASE("a finished attempt gets no neighbours") {
  Tracker tracker;
  tracker.add(flight(1));
  tracker.add(streamed(1, state(2, kClient, false, 2, 1)));
  due(tracker, at(100));
  tracker.add(neighbour(200, kClientEth, "10.0.1.1", true));
  CHECK(due(tracker, at(300)).empty());
}

TEST_CASE("a copy of a SYN that comes after its attempt was answered is no attempt") {
  Tracker tracker;
  tracker.add(flight(9, 1));
  tracker.add(streamed(9, socket(1000, SocketEventKind::Retransmit, kClient)));
  tracker.add(streamed(9, state(1200, kClient, false, 2, 1)));
  model::FlightRecord copy = flight(10, 2300);
  copy.first_ns = at(2200);
  copy.local_client = false;
  SUBCASE("while it is remembered whole") { CHECK(due(tracker, at(1300)).size() == 1); }
  SUBCASE("and later") {
    (void)due(tracker, at(1300));
    (void)due(tracker, at(20'000));
    copy.first_ns = at(30'000);
  }
  tracker.add(copy);
  tracker.add(streamed(10, dropped(30'001, Leg::SynAck, kClientEth)));
  CHECK(due(tracker, at(40'000)).empty());
}

TEST_CASE("what only looks like such a copy is an attempt") {
  Tracker tracker;
  tracker.add(flight(9, 1));
  model::FlightRecord next = flight(10, 2300);
  next.first_ns = at(2200);
  next.local_client = false;
  SUBCASE("the first was not answered") { tracker.add(streamed(9, socket(1000, SocketEventKind::Retransmit, kClient))); }
  SUBCASE("the first needed one SYN only") { tracker.add(streamed(9, state(1200, kClient, false, 2, 1))); }
  SUBCASE("another flow") {
    tracker.add(streamed(9, socket(1000, SocketEventKind::Retransmit, kClient)));
    tracker.add(streamed(9, state(1200, kClient, false, 2, 1)));
    next.faces = {translated()};
  }
  SUBCASE("a socket of this machine") {
    tracker.add(streamed(9, socket(1000, SocketEventKind::Retransmit, kClient)));
    tracker.add(streamed(9, state(1200, kClient, false, 2, 1)));
    next.local_client = true;
  }
  (void)due(tracker, at(1300));
  tracker.add(next);
  CHECK(due(tracker, at(2400)).size() == 1);
}
