// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// A table that is read now and then: what is known of a moment in between.
#include "cli/legacy_tables.hpp"

#include <doctest/doctest.h>

#include "xt_blob.hpp"

using namespace synfate;
using namespace synfate::cli;

namespace {

constexpr MonotonicNs at(MonotonicNs milliseconds) { return 1000 * kSecond + milliseconds * kMillisecond; }

/// INPUT: some rules that drop or accept, each with a condition, then a policy; each entry has matched so often.
inventory::XtTable table(const std::vector<std::int32_t>& rules, const std::vector<std::uint64_t>& packets = {}) {
  test::XtBlob blob;
  blob.begin(1);
  for (const std::int32_t verdict : rules) blob.standard(verdict, 1);
  blob.policy(1, test::kAccept).close();
  auto parsed = inventory::parse_xt_table(AF_INET, "filter", blob.bytes);
  if (!parsed) FAIL(to_string(parsed.error()));
  for (std::size_t i = 0; i < packets.size(); ++i) parsed->rules.at(i).packets = packets[i];
  return *std::move(parsed);
}

const std::vector<std::int32_t> kRules{test::kAccept, test::kDrop};

}  // namespace

TEST_CASE("a rule that was the same before and after, and has matched, is the one that was there") {
  TableHistory history;
  CHECK_FALSE(history.traced("INPUT", 1, at(500)));
  history.read(table(kRules, {9, 7, 3}), at(0), at(5));
  CHECK_FALSE(history.traced("INPUT", 2, at(500)));
  history.read(table(kRules, {9, 8, 3}), at(510), at(515));
  const auto entry = history.traced("INPUT", 2, at(500));
  REQUIRE(entry);
  CHECK(entry->rule->drops == inventory::XtDrops::Always);
  CHECK(entry->rule->number == 2);
  CHECK(entry->from_ns == at(5));
  CHECK(entry->until_ns == at(510));
  CHECK_FALSE(history.traced("INPUT", 1, at(500)));
  CHECK_FALSE(history.traced("INPUT", 4, at(500)));
  CHECK_FALSE(history.traced("OUTPUT", 1, at(500)));
  CHECK_FALSE(history.traced("INPUT", 2, at(511)));
  CHECK_FALSE(history.traced("INPUT", 2, at(54)));
}

TEST_CASE("a table that was not, or need not have been, the same tells nothing") {
  TableHistory history;
  history.read(table(kRules, {9, 7, 3}), at(0), at(5));
  SUBCASE("another rule went") { history.read(table({test::kDrop}, {8, 3}), at(510), at(515)); }
  SUBCASE("another rule came behind it") { history.read(table({test::kAccept, test::kDrop, test::kDrop}, {9, 8, 0, 3}), at(510), at(515)); }
  SUBCASE("another rule is in its place") { history.read(table({test::kAccept, test::kAccept}, {9, 8, 3}), at(510), at(515)); }
  SUBCASE("it was replaced and put back: it counts anew") { history.read(table(kRules, {0, 8, 0}), at(510), at(515)); }
  SUBCASE("the rule has matched nothing") { history.read(table(kRules, {10, 7, 4}), at(510), at(515)); }
  SUBCASE("the other reading began before") { history.read(table(kRules, {9, 8, 3}), at(499), at(515)); }
  SUBCASE("it was another one at a third reading between") {
    history.read(table({test::kDrop, test::kDrop}, {9, 7, 3}), at(470), at(475));
    history.read(table(kRules, {9, 8, 3}), at(510), at(515));
  }
  CHECK_FALSE(history.traced("INPUT", 2, at(500)));
}

TEST_CASE("a reading just before the drop may be later than the packet's walk") {
  TableHistory history;
  history.read(table(kRules, {0, 1, 0}), at(480), at(490));
  history.read(table(kRules, {0, 2, 0}), at(510), at(515));
  CHECK_FALSE(history.traced("INPUT", 2, at(500)));
  CHECK(history.traced("INPUT", 2, at(510)).has_value() == false);
  history.read(table(kRules, {0, 3, 0}), at(610), at(615));
  CHECK(history.traced("INPUT", 2, at(600)));
}

TEST_CASE("many readings at once leave one from before") {
  TableHistory history;
  std::uint64_t packets = 0;
  for (int i = 0; i < 400; ++i) history.read(table(kRules, {0, ++packets, 0}), at(i * 2), at(i * 2 + 1));
  CHECK(history.size() <= 4 * 3);
  CHECK(history.read_ns() == at(798));
  CHECK(history.traced("INPUT", 2, at(797)));
  CHECK_FALSE(history.traced("INPUT", 2, at(100)));
}
