// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Which rows are printed, with which revision, and which are not.
#include "session.hpp"

using namespace synfate;
using namespace synfate::cli;
using namespace synfate::cli::test;

using Words = std::vector<std::string>;

namespace {

struct Session {
  explicit Session(EngineOptions options = {}) : engine(sink, names(), std::move(options)) {}
  FakeSink sink;
  Engine engine;
};

}  // namespace

TEST_CASE("a dropped SYN is a row, once it has settled") {
  Session session;
  feed(session.engine, Script(1).dropped(0));
  CHECK(session.sink.rows.empty());
  REQUIRE(session.engine.next_due());
  session.engine.advance(*session.engine.next_due());
  CHECK(session.sink.words() == Words{"1.1 dropped netfilter_drop syn"});
  const model::Attempt& row = session.sink.rows[0];
  CHECK(row.journey.isn == 2885681011);
  CHECK(row.client.netns == kClientNetns);
  CHECK(row.client.process.comm == "python3");
  CHECK(row.verdict.where.netns == kServerNetns);
  CHECK(row.verdict.where.stage == model::Stage::Input);
  CHECK(row.netns_names.contains(kClientNetns));
  CHECK(row.netns_names.contains(kServerNetns));
}

TEST_CASE("the same answer again is no row again") {
  Session session;
  feed(session.engine, Script(1).dropped(0));
  session.engine.advance(at(100));
  for (int round = 1; round <= 3; ++round) {
    feed(session.engine,
         {Script(1).socket(1000 * round, WIRE_SOCKET_RETRANSMIT, kClientNetns, false),
          Script(1).hop(1000 * round + 0.1, WIRE_LEG_SYN, WIRE_PACKET_XMIT, kClientNetns), Script(1).nft_drop(1000 * round + 0.2)});
    session.engine.advance(at(1000 * round + 100));
  }
  session.engine.finish(at(5000));
  CHECK(session.sink.words() == Words{"1.1 dropped netfilter_drop syn"});
}

TEST_CASE("a retransmit that gets through is a revision, and the last fate counts") {
  Session session;
  feed(session.engine, Script(1).dropped(0));
  session.engine.advance(at(100));
  std::vector<Bytes> second = Script(1).established(1000);
  second[0] = Script(1).hop(1000, WIRE_LEG_SYN, WIRE_PACKET_XMIT, kClientNetns);
  feed(session.engine, second);
  session.engine.advance(at(1100));
  REQUIRE(session.sink.rows.size() == 2);
  CHECK(session.sink.rows[1].id == 1);
  CHECK(session.sink.rows[1].revision == 2);
  CHECK(session.sink.rows[1].verdict.fate == model::Fate::Established);
  CHECK(session.engine.fates() == std::map<model::Fate, std::uint64_t>{{model::Fate::Established, 1}});
}

TEST_CASE("an established attempt is printed only where all are wanted, and counted anyway") {
  bool all = false;
  SUBCASE("trace") { all = false; }
  SUBCASE("run, --all") { all = true; }
  Session session({.print_all = all, .count = std::nullopt});
  feed(session.engine, Script(1).established(0));
  session.engine.advance(at(100));
  session.engine.finish(at(200));
  CHECK(session.sink.rows.size() == (all ? 1U : 0U));
  CHECK(session.engine.fates() == std::map<model::Fate, std::uint64_t>{{model::Fate::Established, 1}});
}

TEST_CASE("an attempt that tracing ends too early is printed at the end only, as unfinished") {
  Session session;
  feed(session.engine, {Script(1).flight(0)});
  session.engine.advance(at(100));
  CHECK(session.sink.rows.empty());
  session.engine.finish(at(200));
  REQUIRE(session.sink.rows.size() == 1);
  CHECK(session.sink.rows[0].verdict.fate == model::Fate::Unfinished);
}

TEST_CASE("a packet for another machine's MAC is muted: no row, no count") {
  Session session;
  feed(session.engine, {Script(1).flight(0, 0), Script(1).foreign_mac(0.1)});
  session.engine.advance(at(100));
  session.engine.finish(at(200));
  CHECK(session.sink.rows.empty());
  CHECK(session.engine.fates().empty());
}

TEST_CASE("--count ends after that many attempts; revisions do not count") {
  Session session({.print_all = false, .count = 2});
  feed(session.engine, Script(1, 40001).dropped(0));
  session.engine.advance(at(100));
  std::vector<Bytes> second = Script(1, 40001).established(1000);
  second.erase(second.begin());
  feed(session.engine, second);
  session.engine.advance(at(1100));
  CHECK(session.sink.rows.size() == 2);
  CHECK_FALSE(session.engine.is_done());
  feed(session.engine, Script(2, 40002).dropped(2000));
  feed(session.engine, Script(3, 40003).dropped(2000));
  session.engine.advance(at(2100));
  CHECK(session.engine.is_done());
  CHECK_FALSE(session.engine.is_broken());
  session.engine.finish(at(2200));
  CHECK(session.sink.rows.size() == 3);
  CHECK(session.engine.fates() == std::map<model::Fate, std::uint64_t>{{model::Fate::Established, 1}, {model::Fate::Dropped, 2}});
}

TEST_CASE("losses that the tracker was told lower the confidence of the row") {
  Session session;
  feed(session.engine, Script(1).dropped(0));
  session.engine.lose(7);
  session.engine.advance(at(100));
  REQUIRE(session.sink.rows.size() == 1);
  CHECK(session.sink.rows[0].verdict.confidence == model::Confidence::Partial);
  CHECK(session.sink.rows[0].journey.events_lost == 7);
}

TEST_CASE("nobody reads any more: the engine is done, and judges nothing") {
  Session session;
  session.sink.refuse_after = 0;
  feed(session.engine, Script(1, 40001).dropped(0));
  feed(session.engine, Script(2, 40002).dropped(1));
  int asked = 0;
  session.engine.set_before_judge([&](const model::Journey&) { ++asked; });
  session.engine.advance(at(100));
  CHECK(session.engine.is_broken());
  CHECK(session.engine.is_done());
  CHECK(asked == 1);
  session.engine.finish(at(200));
  CHECK(asked == 1);
  CHECK(session.sink.rows.empty());
}

TEST_CASE("without room a row is not printed, and counted until its last answer is") {
  Session session;
  bool room = false;
  session.engine.set_room([&] { return room; });
  feed(session.engine, Script(1).dropped(0));
  feed(session.engine, Script(2, 2).dropped(1));
  session.engine.advance(at(100));
  CHECK(session.sink.rows.empty());
  CHECK(session.engine.unprinted() == 2);
  CHECK(session.engine.fates()[model::Fate::Dropped] == 2);
  // The same answer again is still news to whoever reads.
  room = true;
  feed(session.engine, {Script(1).nft_drop(1000)});
  session.engine.advance(at(1100));
  CHECK(session.sink.words() == Words{"1.1 dropped netfilter_drop syn"});
  CHECK(session.engine.unprinted() == 1);
  // A revision that finds no room is counted too, once.
  room = false;
  for (const double when : {2000.0, 3000.0}) {
    std::vector<Bytes> through = Script(1).established(when);
    through.erase(through.begin());
    feed(session.engine, through);
    session.engine.advance(at(when + 100));
  }
  CHECK(session.sink.rows.size() == 1);
  CHECK(session.engine.unprinted() == 2);
}

TEST_CASE("--count counts what was printed") {
  Session session({.count = 1});
  bool room = false;
  session.engine.set_room([&] { return room; });
  feed(session.engine, Script(1).dropped(0));
  session.engine.advance(at(100));
  CHECK_FALSE(session.engine.is_done());
  room = true;
  feed(session.engine, Script(2, 2).dropped(200));
  session.engine.advance(at(300));
  CHECK(session.engine.is_done());
}

TEST_CASE("a session that did not run says so, and what it judges of that time is partial") {
  Session session;
  feed(session.engine, Script(1).dropped(0));
  session.engine.advance(at(100));
  feed(session.engine, Script(2, 2).dropped(1000));
  session.engine.pause({at(500), at(10'000)});
  session.engine.advance(at(10'000));
  feed(session.engine, Script(3, 3).dropped(11'000));
  session.engine.advance(at(11'100));
  REQUIRE(session.sink.notices.size() == 1);
  CHECK(session.sink.notices[0].code == "paused");
  CHECK(session.sink.notices[0].text.find("9.5 s") != std::string::npos);
  REQUIRE(session.sink.rows.size() == 3);
  CHECK(session.sink.rows[0].verdict.confidence == model::Confidence::Exact);
  CHECK(session.sink.rows[1].verdict.confidence == model::Confidence::Partial);
  CHECK(session.sink.rows[2].verdict.confidence == model::Confidence::Exact);
}

TEST_CASE("a pause survives as text") {
  const auto again = parse_pause(to_text(judge::Pause{at(1), at(2)}));
  REQUIRE(again);
  CHECK(again->from_ns == at(1));
  CHECK(again->until_ns == at(2));
  for (const char* wrong : {"", "from", "from 5 until", "from 5 until 4", "until 5 from 4"}) CHECK_FALSE(parse_pause(wrong));
}

TEST_CASE("the inventory is asked for before each judgement and used in it") {
  Session session;
  session.engine.set_before_judge([&](const model::Journey& journey) {
    model::Inventory inventory;
    inventory.namespaces[journey.origin_netns].id = journey.origin_netns;
    inventory.namespaces[journey.origin_netns].name = "blue";
    session.engine.set_inventory(std::move(inventory));
  });
  feed(session.engine, Script(1).dropped(0));
  session.engine.advance(at(100));
  REQUIRE(session.sink.rows.size() == 1);
  CHECK(session.sink.rows[0].client.netns_name == "blue");
  CHECK(session.sink.rows[0].netns_names.at(kClientNetns) == "blue");
}
