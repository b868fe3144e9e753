// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Counts that exit statuses are made of.
#include "render/counting.hpp"

#include <doctest/doctest.h>

#include "render/json.hpp"
#include "samples.hpp"

using namespace synfate;
using namespace synfate::render;
using namespace synfate::render::testing;

TEST_CASE("only an attempt's last revision counts") {
  Paper paper;
  JsonSink json(paper.writer(), testing::clock());
  CountingSink sink(json);
  CHECK_FALSE(sink.counts().worst_confidence());

  model::Attempt attempt = lost_syn_ack();
  CHECK(sink.attempt(attempt));
  CHECK(sink.attempt(dropped_by_a_rule()));
  CHECK(sink.counts().attempts == std::map<model::Fate, std::uint64_t>{{model::Fate::Dropped, 2}});
  CHECK(sink.counts().worst_confidence() == model::Confidence::Partial);

  attempt.revision = 3;
  attempt.verdict.fate = model::Fate::Established;
  attempt.verdict.confidence = model::Confidence::Strong;
  CHECK(sink.attempt(attempt));
  CHECK(sink.counts().attempts == std::map<model::Fate, std::uint64_t>{{model::Fate::Established, 1}, {model::Fate::Dropped, 1}});
  CHECK(sink.counts().worst_confidence() == model::Confidence::Strong);
  CHECK(sink.counts().rows == 3);
  CHECK(paper.writes.size() == 3);
}

TEST_CASE("losses, of an attempt and of the session") {
  Paper paper;
  JsonSink json(paper.writer(), testing::clock());
  CountingSink sink(json);
  CHECK(sink.attempt(established()));
  CHECK_FALSE(sink.counts().evidence_lost());
  SUBCASE("an attempt's hops") {
    model::Attempt attempt = unanswered();
    attempt.journey.hops_lost = 1;
    CHECK(sink.attempt(attempt));
  }
  SUBCASE("events while an attempt was under way") {
    model::Attempt attempt = unanswered();
    attempt.journey.events_lost = 1;
    CHECK(sink.attempt(attempt));
  }
  SUBCASE("no flight record") {
    model::Attempt attempt = unanswered();
    attempt.journey.untracked = true;
    CHECK(sink.attempt(attempt));
  }
  SUBCASE("the summary's count") {
    model::Summary summary;
    summary.events_lost = 2;
    CHECK(sink.summary(summary));
    CHECK(sink.counts().events_lost == 2);
  }
  CHECK(sink.counts().evidence_lost());
}

TEST_CASE("warnings and gaps; information is neither") {
  Paper paper;
  JsonSink json(paper.writer(), testing::clock());
  CountingSink sink(json);
  CHECK(sink.notice({model::NoticeLevel::Info, "a", "b"}));
  CHECK(sink.counts().warnings == 0);
  CHECK(sink.notice({model::NoticeLevel::Warning, "a", "b"}));
  CHECK(sink.counts().warnings == 1);
  model::Summary summary;
  summary.gaps = {{"x", "y"}};
  CHECK(sink.summary(summary));
  CHECK(sink.counts().gaps == 1);
}

TEST_CASE("what a broken pipe swallowed was not printed, but a loss stays a loss") {
  Paper paper;
  paper.writes_left = 1;
  JsonSink json(paper.writer(), testing::clock());
  CountingSink sink(json);
  CHECK(sink.attempt(established()));
  CHECK_FALSE(sink.attempt(unanswered()));
  CHECK_FALSE(sink.notice({model::NoticeLevel::Warning, "a", "b"}));
  model::Summary summary;
  summary.events_lost = 5;
  CHECK_FALSE(sink.summary(summary));
  CHECK(sink.counts().rows == 1);
  CHECK(sink.counts().warnings == 0);
  CHECK(sink.counts().evidence_lost());
}

TEST_CASE("a very long session forgets old ids and keeps their counts") {
  struct Discard final : Sink {
    bool attempt(const model::Attempt&) override { return true; }
    bool notice(const model::Notice&) override { return true; }
    bool summary(const model::Summary&) override { return true; }
  } discard;
  CountingSink sink(discard);
  model::Attempt attempt;
  attempt.verdict.fate = model::Fate::Dropped;
  for (attempt.id = 1; attempt.id <= 40'000; ++attempt.id) CHECK(sink.attempt(attempt));
  CHECK(sink.counts().attempts.at(model::Fate::Dropped) == 40'000);
}
