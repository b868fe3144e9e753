// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Rule traces: told without an attempt's id, before the attempt is known.
#include <algorithm>

#include "records.hpp"
#include "track/waiting.hpp"

namespace synfate::track {
namespace {

using namespace test;

model::StreamedEvent trace(double milliseconds, const char* chain, const Flow& flow = asked(), model::NetnsId netns = kClient,
                           std::uint32_t isn = kIsn) {
  model::HookVerdict verdict;
  verdict.how = model::HookVerdict::How::NfTrace;
  verdict.outcome = model::HookVerdict::Outcome::Continue;
  verdict.rule.kind = model::RuleKey::Kind::NftRule;
  verdict.rule.chain = chain;
  Event event;
  event.time_ns = at(milliseconds);
  event.leg = Leg::Syn;
  event.flow = flow;
  event.place.netns = netns;
  event.what = verdict;
  return streamed(0, event, isn);
}

std::vector<std::string> chains(const Journey& journey) {
  std::vector<std::string> all;
  for (const Event& event : journey.events) {
    if (const auto* verdict = event.get<model::HookVerdict>()) all.push_back(verdict->rule.chain);
  }
  return all;
}

TEST_CASE("what was told before the attempt was known joins it, in order") {
  Tracker tracker;
  tracker.add(trace(0.1, "first"));
  tracker.add(trace(0.2, "second"));
  CHECK_FALSE(tracker.next_due());
  tracker.add(flight(7));
  tracker.add(trace(0.9, "third"));
  const auto judged = due(tracker, at(1000));
  REQUIRE(judged.size() == 1);
  CHECK(chains(judged[0]) == std::vector<std::string>{"first", "second", "third"});
}

TEST_CASE("a trace alone is no attempt") {
  Tracker tracker;
  tracker.add(trace(0.1, "rule"));
  CHECK(finished(tracker).empty());
}

TEST_CASE("one ISN is not enough") {
  Tracker tracker;
  tracker.add(trace(0.1, "other addresses", translated()));
  tracker.add(trace(0.1, "other namespace", asked(), kTwinEth.netns));
  tracker.add(trace(0.1, "other ISN", asked(), kClient, kIsn + 1));
  tracker.add(flight(7));
  tracker.add(trace(0.2, "other addresses", translated()));
  tracker.add(trace(0.2, "other namespace", asked(), kTwinEth.netns));
  const auto judged = due(tracker, at(1000));
  REQUIRE(judged.size() == 1);
  CHECK(chains(judged[0]).empty());
}

TEST_CASE("a namespace that the packet comes to, and a translation, are learnt from its hops") {
  Tracker tracker;
  tracker.add(trace(0.2, "in the router", translated(), kRouter));
  tracker.add(flight(7));
  REQUIRE(due(tracker, at(100)).size() == 1);
  tracker.add(streamed(7, hop(0.15, Leg::Syn, HopKind::Receive, kRouterVeth)));
  tracker.add(streamed(7, hop(0.3, Leg::Syn, HopKind::Xmit, kRouterVeth, translated())));
  const auto judged = due(tracker, at(1000));
  REQUIRE(judged.size() == 1);
  CHECK(chains(judged[0]) == std::vector<std::string>{"in the router"});
}

TEST_CASE("between two translations a flow has one end of each") {
  Tracker tracker;
  auto record = flight(7);
  record.faces = {asked(), flow("10.0.9.9", 5, "10.0.2.2", 8080)};
  tracker.add(record);
  tracker.add(trace(0.2, "between", translated()));
  tracker.add(trace(0.3, "neither", flow("10.0.1.2", 40000, "10.0.2.3", 8080)));
  const auto judged = due(tracker, at(1000));
  REQUIRE(judged.size() == 1);
  CHECK(chains(judged[0]) == std::vector<std::string>{"between"});
}

TEST_CASE("of two attempts that fit it is neither's") {
  Tracker tracker;
  tracker.add(flight(7));
  tracker.add(flight(8));
  tracker.add(trace(0.2, "whose?"));
  for (const Journey& journey : due(tracker, at(1000))) CHECK(chains(journey).empty());
}

TEST_CASE("a trace is news: the attempt is judged again") {
  Tracker tracker;
  tracker.add(flight(7));
  REQUIRE(due(tracker, at(100)).size() == 1);
  tracker.add(trace(1000, "retransmitted"));
  CHECK(due(tracker, at(1100)).size() == 1);
}

TEST_CASE("a trace waits for two seconds") {
  WaitingRoom room;
  room.add(trace(0, "old"));
  room.add(trace(1500, "younger"));
  CHECK(room.size() == 2);
  room.add(trace(3000, "new"));
  CHECK(room.size() == 2);
  const auto taken = room.take(kIsn, [](const auto&) { return true; });
  REQUIRE(taken.size() == 2);
  CHECK(taken[0].event.time_ns == at(1500));
  CHECK_FALSE(room.has(kIsn));
  CHECK(room.crowded_out() == 0);
}

TEST_CASE("the waiting room is bounded, and counts whom it sends away") {
  WaitingRoom room;
  for (unsigned i = 0; i < WaitingRoom::kMaxEvents + 10; ++i) room.add(trace(0, "x", asked(), kClient, i));
  CHECK(room.size() == WaitingRoom::kMaxEvents);
  CHECK(room.crowded_out() == 10);
  CHECK_FALSE(room.has(9));
  CHECK(room.has(10));
}

TEST_CASE("the traces of retransmits push out older traces, never a hop") {
  Tracker tracker;
  tracker.add(flight(7));
  for (unsigned i = 0; i < 3 * kMaxRuleTraces; ++i) tracker.add(trace(1 + i, std::to_string(i).c_str()));
  const auto judged = finished(tracker);
  REQUIRE(judged.size() == 1);
  CHECK(judged[0].hops_lost == 0);
  const auto all = chains(judged[0]);
  CHECK(all.size() == kMaxRuleTraces);
  CHECK(all.back() == std::to_string(3 * kMaxRuleTraces - 1));
  CHECK(
      std::any_of(judged[0].events.begin(), judged[0].events.end(), [](const Event& event) { return event.get<model::Hop>() != nullptr; }));
}

}  // namespace
}  // namespace synfate::track
