// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// What the engine makes of records that are not rows: garbage, the calibration's own, nft's two sites; and that it is deterministic.
#include "session.hpp"

using namespace synfate;
using namespace synfate::cli;
using namespace synfate::cli::test;

TEST_CASE("undecodable records are counted, said once, and recorded") {
  FakeSink sink;
  Engine engine(sink, names(), {});
  const Bytes garbage(24, std::byte{0});
  CHECK(engine.feed(garbage));
  CHECK(engine.feed(garbage));
  CHECK(engine.feed(Bytes{}));
  CHECK(engine.undecodable() == 3);
  REQUIRE(sink.notices.size() == 1);
  CHECK(sink.notices[0].code == "undecodable");
  CHECK(sink.notices[0].level == model::NoticeLevel::Warning);
  feed(engine, Script(1).dropped(0));
  engine.advance(at(100));
  CHECK(sink.rows.size() == 1);
}

TEST_CASE("nft's sites survive as text") {
  const NftSites sites{0xffffffffc0a413e8, 0xffffffffc0a41500, 4026532511};
  const auto again = parse_nft_sites(to_text(sites));
  REQUIRE(again);
  CHECK(again->rule == sites.rule);
  CHECK(again->policy == sites.policy);
  CHECK(again->calibration_netns == sites.calibration_netns);
  for (const char* wrong : {"", "rule", "rule 0x1 policy 0x2", "policy 0x1 rule 0x2 netns 3", "a notice of something else"}) {
    CAPTURE(wrong);
    CHECK_FALSE(parse_nft_sites(wrong));
  }
  CHECK_FALSE(parse_nft_sites(std::string(100'000, 'r')));
}

TEST_CASE("known sites tell a rule from a policy") {
  constexpr __u64 kRule = 0xffffffffc0a413e8;
  constexpr __u64 kPolicy = 0xffffffffc0a41500;
  FakeSink sink;
  Engine engine(sink, names(), {});
  engine.set_nft_sites({kRule, kPolicy, 999}, 0);
  feed(engine, {Script(1, 1).flight(0), Script(1, 1).nft_drop(0.1, kRule)});
  feed(engine, {Script(2, 2).flight(1), Script(2, 2).nft_drop(1.1, kPolicy)});
  feed(engine, {Script(3, 3).flight(2), Script(3, 3).nft_drop(2.1, 0xffffffffc0a41777)});
  engine.advance(at(100));
  REQUIRE(sink.rows.size() == 3);
  CHECK(sink.rows[0].verdict.cause == "netfilter_drop");
  CHECK(sink.rows[0].verdict.where.rule->policy == false);
  CHECK(sink.rows[1].verdict.cause == "netfilter_policy");
  CHECK(sink.rows[1].verdict.where.rule->policy == true);
  CHECK(sink.rows[2].verdict.cause == "netfilter_drop");
  CHECK_FALSE(sink.rows[2].verdict.where.rule->policy.has_value());
}

TEST_CASE("a calibration is wanted by the first drop in nft_do_chain, until its sites are known") {
  FakeSink sink;
  Engine engine(sink, names(), {});
  feed(engine, {Script(1).flight(0), Script(1).foreign_mac(0.1)});
  CHECK_FALSE(engine.wants_calibration());
  feed(engine, Script(2).dropped(1));
  CHECK(engine.wants_calibration());
  engine.set_nft_sites({1, 2, 3}, 0);
  CHECK_FALSE(engine.wants_calibration());
}

TEST_CASE("the calibration's own packets become no attempt, and belong in no recording") {
  FakeSink sink;
  Engine engine(sink, names(), {});
  SUBCASE("while it runs") {
    engine.ignore_netns(kServerNetns);
    CHECK_FALSE(engine.feed(Script(1).nft_drop(0)));
  }
  SUBCASE("what is read of it afterwards") {
    engine.ignore_netns(kServerNetns);
    engine.stop_ignoring(at(50));
    CHECK_FALSE(engine.feed(Script(1).nft_drop(0)));
  }
  SUBCASE("its flight records") {
    engine.ignore_netns(kClientNetns);
    CHECK_FALSE(engine.feed(Script(1).flight(0)));
  }
  CHECK_FALSE(engine.wants_calibration());
  engine.finish(at(100));
  CHECK(sink.rows.empty());
  CHECK(engine.fates().empty());
}

TEST_CASE("whoever gets the number of the calibration's namespace afterwards is somebody") {
  FakeSink sink;
  Engine engine(sink, names(), {});
  engine.ignore_netns(kServerNetns);
  engine.stop_ignoring(at(50));
  CHECK(engine.feed(Script(1).nft_drop(60)));
}

TEST_CASE("a record of an unknown namespace is never taken for the calibration's") {
  FakeSink sink;
  Engine engine(sink, names(), {});
  CHECK(engine.feed(Script(1).hop(0, WIRE_LEG_SYN, WIRE_PACKET_XMIT, 0)));
  engine.finish(at(100));
  CHECK(sink.rows.size() == 1);
}

TEST_CASE("notices and the summary reach the sink, and a refusing sink is noticed") {
  FakeSink sink;
  Engine engine(sink, names(), {});
  CHECK(engine.print(model::Notice{model::NoticeLevel::Info, "a", "b"}));
  CHECK(engine.print(model::Summary{}));
  sink.refuse_after = 0;
  CHECK_FALSE(engine.print(model::Notice{model::NoticeLevel::Info, "a", "b"}));
  CHECK(engine.is_broken());
}

TEST_CASE("the same records give the same rows") {
  const auto session = [] {
    FakeSink sink;
    Engine engine(sink, names(), {.print_all = true, .count = std::nullopt});
    for (__u16 i = 1; i <= 50; ++i) {
      const Script script(i, i);
      feed(engine, i % 3 == 0 ? script.established(i) : script.dropped(i));
      if (i % 7 == 0) engine.advance(at(i));
    }
    engine.finish(at(1000));
    return sink.words();
  };
  const auto first = session();
  CHECK(first.size() == 50);
  CHECK(session() == first);
}
