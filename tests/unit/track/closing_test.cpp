// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Connections that ended early: the attempt's own record has gone, or its journey goes on.
#include "records.hpp"

using namespace synfate;
using namespace synfate::track::test;

namespace {

model::ClosingRecord closing(double milliseconds, bool at_server, const model::Flow& own, bool counted = true) {
  model::Closing what;
  what.at_server = at_server;
  what.new_state = at_server ? 4 : 8;
  model::ClosingRecord record;
  record.streamed = streamed(7, hop(milliseconds, Leg::Ack, HopKind::Xmit, {at_server ? kServer : kClient, 0, {}, ""}), kIsn, true);
  record.streamed.event.what = what;
  record.own = own;
  record.first_ns = kStart;
  record.origin_netns = kClient;
  record.client.comm = "curl";
  record.counted = counted;
  return record;
}

}  // namespace

TEST_CASE("both ends of a connection that nothing is known of any more make one journey") {
  track::Tracker tracker;
  tracker.add(closing(5, true, translated()));
  tracker.add(closing(6, false, asked()));
  const auto journeys = due(tracker, at(100));
  REQUIRE(journeys.size() == 1);
  const Journey& journey = journeys.front();
  CHECK(journey.isn == kIsn);
  CHECK(journey.client.comm == "curl");
  CHECK(journey.local_client);
  CHECK(journey.origin_netns == kClient);
  CHECK(journey.first_ns == kStart);
  CHECK(journey.client_established);
  CHECK(journey.server_established);
  CHECK(journey.counted_established);
  CHECK(journey.events.size() == 2);
  REQUIRE(journey.faces.size() == 2);
  CHECK(journey.faces[0] == asked());
  CHECK(journey.faces[1] == translated());
}

TEST_CASE("one that is streamed goes on") {
  track::Tracker tracker;
  tracker.add(flight(7));
  tracker.add(closing(5, false, asked(), false));
  const auto journeys = due(tracker, at(100));
  REQUIRE(journeys.size() == 1);
  CHECK(journeys.front().client_established);
  CHECK_FALSE(journeys.front().counted_established);
  CHECK(journeys.front().events.size() > 1);
}
