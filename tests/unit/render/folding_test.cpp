// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Rows of a kind beyond what can be read: counted, each once, and said.
#include "render/folding.hpp"

#include <doctest/doctest.h>

#include "render/json.hpp"
#include "render/text.hpp"
#include "samples.hpp"

using namespace synfate;
using namespace synfate::render;
using namespace synfate::render::testing;

namespace {

/// What came through.
struct Heard {
  std::vector<model::Attempt> rows;
  std::vector<model::Folded> folded;
  std::optional<model::Summary> summary;
};

struct HeardSink final : Sink {
  explicit HeardSink(Heard& into) : heard(into) {}
  bool attempt(const model::Attempt& attempt) override { return heard.rows.push_back(attempt), true; }
  bool folded(const model::Folded& folded) override { return heard.folded.push_back(folded), true; }
  bool notice(const model::Notice&) override { return true; }
  bool summary(const model::Summary& summary) override { return heard.summary = summary, true; }
  Heard& heard;
};

model::Attempt failure(std::uint64_t id, const char* source, std::uint16_t port = 4317) {
  model::Attempt attempt = dropped_by_a_rule();
  attempt.id = id;
  attempt.journey.id = id;
  attempt.journey.faces.front().src = endpoint(source, 40000);
  attempt.journey.faces.front().dst.port = port;
  attempt.journey.last_ns = kStart;
  return attempt;
}

constexpr FoldLimits kThree{3, 1 * kSecond};
constexpr FoldLimits kMany{1000, 1 * kSecond};

/// Of each attempt that was counted with others, what the last word was.
std::map<std::uint64_t, std::uint64_t> last_words(const Heard& heard) {
  std::map<std::uint64_t, std::uint64_t> last;
  for (const model::Folded& folded : heard.folded) last[folded.like.id] = folded.attempts;
  return last;
}

}  // namespace

TEST_CASE("the first rows of a kind are printed, the others are counted with the first") {
  Heard heard;
  FoldingSink sink(std::make_unique<HeardSink>(heard), kThree, kMany);
  for (std::uint64_t id = 1; id <= 10; ++id) CHECK(sink.attempt(failure(id, id % 2 == 0 ? "10.0.0.1" : "10.0.0.2")));
  CHECK(heard.rows.size() == 3);
  CHECK(heard.folded.empty());

  SUBCASE("a count is said after a second, and again only when it has grown") {
    CHECK(sink.tick(kStart + kSecond / 2));
    CHECK(heard.folded.empty());
    CHECK(sink.tick(kStart + kSecond));
    REQUIRE(heard.folded.size() == 1);
    CHECK(heard.folded[0].like.id == 1);
    CHECK(heard.folded[0].attempts == 7);
    CHECK(heard.folded[0].sources == 2);
    CHECK(heard.folded[0].destinations == 1);
    CHECK_FALSE(heard.folded[0].at_least);
    CHECK(sink.tick(kStart + 60 * kSecond));
    CHECK(heard.folded.size() == 1);
  }
  SUBCASE("the end says what was not said yet, and adds it up") {
    CHECK(sink.summary({}));
    CHECK(last_words(heard) == std::map<std::uint64_t, std::uint64_t>{{1, 7}});
    REQUIRE(heard.summary);
    CHECK(heard.summary->folded == 7);
  }
  SUBCASE("another destination, cause, place or rule is another kind") {
    model::Attempt other = failure(11, "10.0.0.1", 80);
    CHECK(sink.attempt(other));
    other = failure(12, "10.0.0.1");
    other.verdict.where.rule->number = 10;
    CHECK(sink.attempt(other));
    other = failure(13, "10.0.0.1");
    other.verdict.where.netns = kHost + 1;
    CHECK(sink.attempt(other));
    other = failure(14, "10.0.0.1");
    other.verdict.confidence = model::Confidence::Partial;
    CHECK(sink.attempt(other));
    CHECK(heard.rows.size() == 7);
  }
  SUBCASE("as time goes by, more are printed") {
    CHECK(sink.tick(kStart + 2 * kSecond));
    for (std::uint64_t id = 11; id <= 20; ++id) CHECK(sink.attempt(failure(id, "10.0.0.1")));
    CHECK(heard.rows.size() == 5);
  }
  SUBCASE("who succeeds is always printed") {
    model::Attempt good = failure(15, "10.0.0.1");
    good.verdict.fate = model::Fate::Established;
    for (int i = 0; i < 100; ++i) CHECK(sink.attempt(good));
    CHECK(heard.rows.size() == 103);
  }
}

TEST_CASE("revisions: of a printed row always, of a counted one where it is another kind") {
  Heard heard;
  FoldingSink sink(std::make_unique<HeardSink>(heard), kThree, kMany);
  for (std::uint64_t id = 1; id <= 5; ++id) CHECK(sink.attempt(failure(id, "10.0.0.1")));
  model::Attempt again = failure(2, "10.0.0.1");
  again.revision = 2;
  CHECK(sink.attempt(again));
  CHECK(heard.rows.size() == 4);
  // Of a counted one that says the same: nothing.
  again.id = 5;
  CHECK(sink.attempt(again));
  CHECK(heard.rows.size() == 4);
  // It gets through after all: it is printed, and is no longer counted with the others.
  again.revision = 3;
  again.verdict.cause = "netfilter_policy";
  CHECK(sink.attempt(again));
  CHECK(heard.rows.size() == 5);
  CHECK(sink.summary({}));
  CHECK(last_words(heard) == std::map<std::uint64_t, std::uint64_t>{{1, 1}});
  CHECK(heard.summary->folded == 1);
}

TEST_CASE("a counted attempt that succeeds after all is printed, and counted no more") {
  Heard heard;
  FoldingSink sink(std::make_unique<HeardSink>(heard), kThree, kMany);
  for (std::uint64_t id = 1; id <= 4; ++id) CHECK(sink.attempt(failure(id, "10.0.0.1")));
  model::Attempt good = failure(4, "10.0.0.1");
  good.revision = 2;
  good.verdict.fate = model::Fate::Established;
  CHECK(sink.attempt(good));
  CHECK(heard.rows.size() == 4);
  CHECK(sink.summary({}));
  CHECK(heard.summary->folded == 0);
}

TEST_CASE("a scan of many ports is counted by its cause") {
  Heard heard;
  FoldingSink sink(std::make_unique<HeardSink>(heard), kThree, {10, 1 * kSecond});
  for (std::uint16_t port = 1; port <= 3000; ++port) CHECK(sink.attempt(failure(port, "10.0.0.1", port)));
  CHECK(heard.rows.size() == 10);
  CHECK(sink.summary({}));
  REQUIRE(heard.folded.size() == 1);
  CHECK(heard.folded[0].attempts == 2990);
  CHECK(heard.folded[0].sources == 1);
  CHECK(heard.folded[0].destinations == 1024);
  CHECK(heard.folded[0].at_least);
}

TEST_CASE("what is counted adds up, however many kinds there are") {
  Heard heard;
  FoldingSink sink(std::make_unique<HeardSink>(heard), {1, 100 * kSecond}, {100000, 1});
  std::uint64_t id = 0;
  for (int round = 0; round < 2; ++round) {
    for (unsigned kind = 0; kind < 2000; ++kind) {
      model::Attempt attempt = failure(++id, "10.0.0.1", static_cast<std::uint16_t>(kind));
      attempt.verdict.where.netns = kind;
      attempt.journey.last_ns = kStart + id;
      CHECK(sink.attempt(attempt));
    }
  }
  CHECK(sink.summary({}));
  CHECK(heard.rows.size() + heard.summary->folded == 4000);
}

TEST_CASE("as a program and as a person read it") {
  Paper paper;
  model::Folded folded;
  folded.like = dropped_by_a_rule();
  folded.attempts = 12345;
  folded.sources = 250;
  folded.destinations = 1;
  folded.first_ns = kStart;
  folded.last_ns = kStart + kSecond;
  SUBCASE("JSON") {
    JsonSink json(paper.writer(), testing::clock());
    CHECK(json.folded(folded));
    CHECK(paper.text.starts_with(R"({"type":"folded","v":1,"like":)"));
    CHECK(paper.text.find(R"("attempts":12345,"sources":250,"destinations":1,"at_least":false,)") != std::string::npos);
    CHECK(paper.text.find(R"("cause":"netfilter_drop")") != std::string::npos);
  }
  SUBCASE("text") {
    TextSink text(paper.writer(), testing::clock(), {});
    CHECK(text.folded(folded));
    CHECK(paper.text.find("+12,345 more like #") != std::string::npos);
    CHECK(paper.text.find("from 250 sources") != std::string::npos);
    folded.destinations = 1024;
    folded.at_least = true;
    folded.sources = 1;
    CHECK(text.folded(folded));
    CHECK(paper.text.find("to at least 1,024 destinations   from at least 1 source") != std::string::npos);
  }
}
