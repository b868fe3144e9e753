// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// One attempt as it grows: counts, faces, order and what its sockets said.
#include <algorithm>
#include <string>

#include "records.hpp"

using namespace synfate;
using namespace synfate::track;
using namespace synfate::track::test;

namespace {

std::vector<MonotonicNs> times(const Journey& journey) {
  std::vector<MonotonicNs> result;
  for (const Event& event : journey.events) result.push_back(event.time_ns);
  return result;
}

model::StreamedEvent later(Event event) { return streamed(1, std::move(event)); }

}  // namespace

TEST_CASE("a flight record becomes a journey with all that it knew") {
  model::FlightRecord record = flight(9);
  record.server_isn = 77;
  record.syns = 2;
  record.hops_lost = 3;
  record.foreign_hops = 2;
  record.faces = {asked(), translated()};
  record.server_established = true;
  const Growing growing(5, record);
  const Journey& journey = growing.journey();
  CHECK(journey.id == 5);
  CHECK(journey.isn == kIsn);
  CHECK(journey.server_isn == 77);
  CHECK(journey.first_ns == at(0));
  CHECK(journey.last_ns == at(1));
  CHECK(journey.origin_netns == kClient);
  CHECK(journey.client.tgid == 4242);
  CHECK(journey.faces == std::vector{asked(), translated()});
  CHECK(journey.syns == 2);
  CHECK(journey.hops_lost == 5);
  CHECK(journey.local_client);
  CHECK(journey.sent_a_syn);
  CHECK(journey.server_established);
  CHECK_FALSE(journey.client_established);
  CHECK_FALSE(journey.untracked);
  CHECK_FALSE(journey.ended);
}

TEST_CASE("whose attempt it is may come later, once") {
  model::FlightRecord met_on_its_way = flight(9);
  met_on_its_way.local_client = false;
  met_on_its_way.origin_netns = kRouter;
  met_on_its_way.client = {};
  met_on_its_way.faces = {translated()};
  Growing growing(1, met_on_its_way);
  CHECK_FALSE(growing.learn_client(met_on_its_way));
  CHECK(growing.learn_client(flight(9)));
  CHECK(growing.journey().local_client);
  CHECK(growing.journey().origin_netns == kClient);
  CHECK(growing.journey().client.tgid == 4242);
  CHECK(growing.journey().faces == std::vector{asked(), translated()});
  CHECK(growing.journey().events.size() == met_on_its_way.hops.size());
  CHECK_FALSE(growing.learn_client(flight(9)));
}

TEST_CASE("a final ACK that passed on means that the client is connected") {
  model::FlightRecord record = flight(9);
  record.passed = true;
  const Growing growing(1, record);
  CHECK(growing.journey().client_established);
  CHECK(growing.is_over());
}

TEST_CASE("hops that two CPUs wrote in the other order are put right") {
  model::FlightRecord record = flight(9);
  record.hops = {hop(0, Leg::Syn, HopKind::Xmit, kClientEth), hop(3, Leg::Syn, HopKind::Receive, kServerEth),
                 hop(1, Leg::Syn, HopKind::Receive, kRouterVeth)};
  const Growing growing(1, record);
  CHECK(times(growing.journey()) == std::vector{at(0), at(1), at(3)});
}

TEST_CASE("events that come out of order are kept in order of time") {
  Growing growing(1, flight(9));
  growing.add(later(dropped(9, Leg::Syn, kServerEth)));
  growing.add(later(hop(4, Leg::Syn, HopKind::Receive, kServerEth)));
  growing.add(later(hop(2, Leg::Syn, HopKind::Receive, kRouterVeth)));
  CHECK(times(growing.journey()) == std::vector{at(0), at(2), at(4), at(9)});
  CHECK(growing.journey().last_ns == at(9));
}

TEST_CASE("events of the same moment stay in the order in which they came") {
  Growing growing(1, flight(9));
  growing.add(later(hop(2, Leg::Syn, HopKind::Receive, kRouterVeth)));
  growing.add(later(dropped(2, Leg::Syn, kRouterVeth)));
  CHECK(growing.journey().events[1].get<model::Hop>() != nullptr);
  CHECK(growing.journey().events[2].get<model::Drop>() != nullptr);
}

TEST_CASE("a SYN counts where it first appeared, not at every hop") {
  Growing growing(1, flight(9));
  growing.add(later(hop(1, Leg::Syn, HopKind::Receive, kRouterVeth)));
  growing.add(later(dropped(2, Leg::Syn, kServerEth)));
  CHECK(growing.journey().syns == 1);
  growing.add(later(socket(1000, SocketEventKind::Retransmit, kClient)));
  CHECK(growing.journey().syns == 2);
  growing.add(later(hop(1000.1, Leg::Syn, HopKind::Xmit, kClientEth)));
  growing.add(later(dropped(1000.2, Leg::Syn, kServerEth)));
  CHECK(growing.journey().syns == 2);
}

TEST_CASE("a retransmit that its tracepoint did not tell is counted by its packet") {
  Growing growing(1, flight(9));
  growing.add(later(hop(1000, Leg::Syn, HopKind::Xmit, kClientEth)));
  growing.add(later(hop(2000, Leg::Syn, HopKind::Xmit, kClientEth)));
  CHECK(growing.journey().syns == 3);
}

TEST_CASE("a SYN that dies before any device is counted by its drops") {
  model::FlightRecord record = flight(9);
  record.hops.clear();
  Growing growing(1, record);
  growing.add(later(dropped(0, Leg::Syn, kClientEth)));
  CHECK(growing.journey().syns == 1);
  growing.add(later(dropped(1000, Leg::Syn, kClientEth)));
  growing.add(later(dropped(3000, Leg::Syn, kClientEth)));
  CHECK(growing.journey().syns == 3);
}

TEST_CASE("answers are no SYNs") {
  Growing growing(1, flight(9));
  growing.add(later(hop(2, Leg::SynAck, HopKind::Xmit, kServerEth, translated().reversed())));
  growing.add(later(hop(3, Leg::Reset, HopKind::Xmit, kServerEth, translated().reversed())));
  CHECK(growing.journey().syns == 1);
  CHECK(growing.journey().faces == std::vector{asked()});
}

TEST_CASE("each rewriting by NAT is one more face, once") {
  Growing growing(1, flight(9));
  for (int round = 0; round < 3; ++round) {
    growing.add(later(hop(1000 * round + 1, Leg::Syn, HopKind::Receive, kRouterVeth, asked())));
    growing.add(later(hop(1000 * round + 2, Leg::Syn, HopKind::Receive, kServerEth, translated())));
  }
  CHECK(growing.journey().faces == std::vector{asked(), translated()});
  growing.add(later(dropped(4000, Leg::Syn, kServerEth, flow("10.0.9.9", 1024, "10.0.2.2", 8080))));
  CHECK(growing.journey().faces.size() == 3);
}

TEST_CASE("faces are bounded, and the first is never lost") {
  Growing growing(1, flight(9));
  for (unsigned port = 1; port <= 100; ++port)
    growing.add(later(hop(port, Leg::Syn, HopKind::Receive, kRouterVeth, flow("10.0.1.2", port, "10.0.2.2", 80))));
  CHECK(growing.journey().faces.size() == kMaxFaces);
  CHECK(growing.journey().faces.front() == asked());
}

TEST_CASE("what sockets say") {
  Growing growing(1, flight(9));
  REQUIRE_FALSE(growing.is_over());
  SUBCASE("the client is connected") {
    growing.add(later(state(1, kClient, false, 2, 1)));
    CHECK(growing.journey().client_established);
    CHECK_FALSE(growing.journey().ended);
    CHECK(growing.is_over());
  }
  SUBCASE("the server is connected") {
    growing.add(later(state(1, kServer, true, 3, 1)));
    CHECK(growing.journey().server_established);
    CHECK_FALSE(growing.journey().client_established);
    CHECK(growing.is_over());
  }
  SUBCASE("the client gave up") {
    growing.add(later(state(1, kClient, false, 2, 7)));
    CHECK(growing.journey().ended);
    CHECK_FALSE(growing.journey().interrupted);
    CHECK(growing.is_over());
  }
  SUBCASE("a server's socket that closes ends no attempt") {
    growing.add(later(state(1, kServer, true, 3, 7)));
    CHECK_FALSE(growing.is_over());
  }
  SUBCASE("the final ACK passed on") {
    growing.add(later(socket(1, SocketEventKind::Passed, kRouter)));
    CHECK(growing.journey().client_established);
  }
  SUBCASE("an error, a reset and silence decide nothing by themselves") {
    for (const auto kind : {SocketEventKind::Error, SocketEventKind::ResetReceived, SocketEventKind::ResetSent, SocketEventKind::Stale,
                            SocketEventKind::SynAckRetransmit})
      growing.add(later(socket(1, kind, kClient)));
    CHECK_FALSE(growing.is_over());
    CHECK(growing.journey().events.size() == 6);
  }
}

TEST_CASE("a connect() without a route sent no SYN and is over") {
  const Growing growing(3, no_route(5));
  const Journey& journey = growing.journey();
  CHECK_FALSE(journey.sent_a_syn);
  CHECK(journey.syns == 0);
  CHECK(journey.ended);
  CHECK(journey.local_client);
  CHECK(journey.client.comm == "nc");
  CHECK(journey.origin_netns == kClient);
  REQUIRE(journey.events.size() == 1);
  REQUIRE(journey.events[0].get<model::RouteFailure>() != nullptr);
  CHECK(journey.events[0].get<model::RouteFailure>()->error == -101);
  CHECK(journey.events[0].place.netns == kClient);
  CHECK(journey.last_ns == at(5));
}

TEST_CASE("only what tracing ended was interrupted") {
  Growing open(1, flight(9));
  open.end(true);
  CHECK(open.journey().ended);
  CHECK(open.journey().interrupted);
  Growing closed(2, flight(9));
  closed.add(later(state(1, kClient, false, 2, 7)));
  closed.end(true);
  CHECK_FALSE(closed.journey().interrupted);
}

TEST_CASE("the newest word on a neighbour counts, and neighbours are bounded") {
  Growing growing(1, flight(9));
  growing.add(neighbour(1, kRouterVeth, "10.0.2.9", false));
  growing.add(neighbour(3000, kRouterVeth, "10.0.2.9", true));
  REQUIRE(growing.journey().neighbours.size() == 1);
  CHECK(growing.journey().neighbours[0].failed);
  growing.add(neighbour(3000, kServerEth, "10.0.2.9", false));
  CHECK(growing.journey().neighbours.size() == 2);
  for (unsigned host = 1; host < 100; ++host) growing.add(neighbour(4000, kRouterVeth, ("10.0.3." + std::to_string(host)).c_str(), true));
  CHECK(growing.journey().neighbours.size() == kMaxNeighbours);
}

TEST_CASE("events are bounded: the beginning and the newest stay, what went is counted") {
  Growing growing(1, flight(9));
  constexpr unsigned kMore = 2000;
  for (unsigned i = 1; i <= kMore; ++i) growing.add(later(hop(i, Leg::Syn, HopKind::Receive, kRouterVeth)));
  const Journey& journey = growing.journey();
  CHECK(journey.events.size() == kMaxEvents);
  CHECK(journey.hops_lost == 1 + kMore - kMaxEvents);
  CHECK(journey.events.front().time_ns == at(0));
  CHECK(journey.events[kMaxEvents / 2 - 1].time_ns == at(kMaxEvents / 2 - 1));
  CHECK(journey.events.back().time_ns == at(kMore));
  CHECK(std::is_sorted(journey.events.begin(), journey.events.end(), [](const Event& a, const Event& b) { return a.time_ns < b.time_ns; }));
}
