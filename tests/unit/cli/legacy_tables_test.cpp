// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// A table that is read now and then: what is known of a moment in between.
#include "cli/legacy_tables.hpp"

#include <doctest/doctest.h>

#include "xt_blob.hpp"

using namespace synfate;
using namespace synfate::cli;

namespace {

constexpr MonotonicNs at(MonotonicNs milliseconds) { return 1000 * kSecond + milliseconds * kMillisecond; }

/// INPUT: some rules that drop or accept, each with a condition, then a policy.
inventory::XtTable table(const std::vector<std::int32_t>& rules, std::int32_t policy = test::kAccept) {
  test::XtBlob blob;
  blob.begin(1);
  for (const std::int32_t verdict : rules) blob.standard(verdict, 1);
  blob.policy(1, policy).close();
  auto parsed = inventory::parse_xt_table(AF_INET, "filter", blob.bytes);
  if (!parsed) FAIL(to_string(parsed.error()));
  return *std::move(parsed);
}

}  // namespace

TEST_CASE("a rule that was the same before and after was there in between") {
  TableHistory history;
  CHECK_FALSE(history.traced("INPUT", 1, at(500)));
  history.read(table({test::kAccept, test::kDrop}), at(0), at(5));
  CHECK_FALSE(history.traced("INPUT", 2, at(500)));
  SUBCASE("the whole table") { history.read(table({test::kAccept, test::kDrop}), at(510), at(515)); }
  SUBCASE("the rule, in a table that has another policy") {
    history.read(table({test::kAccept, test::kDrop}, test::kDrop), at(510), at(515));
  }
  const auto entry = history.traced("INPUT", 2, at(500));
  REQUIRE(entry);
  CHECK(entry->rule->drops == inventory::XtDrops::Always);
  CHECK(entry->rule->number == 2);
  CHECK(entry->from_ns == at(5));
  CHECK(entry->until_ns == at(510));
  CHECK_FALSE(history.traced("INPUT", 4, at(500)));
  CHECK_FALSE(history.traced("OUTPUT", 1, at(500)));
}

TEST_CASE("a rule that was not, or need not have been, the same is not told") {
  TableHistory history;
  history.read(table({test::kAccept, test::kDrop}), at(0), at(5));
  SUBCASE("another number then") { history.read(table({test::kDrop}), at(510), at(515)); }
  SUBCASE("another rule in its place") { history.read(table({test::kAccept, test::kAccept}), at(510), at(515)); }
  SUBCASE("its place is the policy's now") { history.read(table({test::kAccept}, test::kDrop), at(510), at(515)); }
  SUBCASE("the other reading began before") { history.read(table({test::kAccept, test::kDrop}), at(499), at(515)); }
  CHECK_FALSE(history.traced("INPUT", 2, at(500)));
  CHECK_FALSE(history.traced("INPUT", 2, at(6)));
  CHECK_FALSE(history.traced("INPUT", 2, at(4)));
}

TEST_CASE("a reading just before the drop may be later than the packet's walk") {
  TableHistory history;
  history.read(table({test::kAccept, test::kAccept}), at(0), at(5));
  history.read(table({test::kAccept, test::kDrop}), at(480), at(490));
  history.read(table({test::kAccept, test::kDrop}), at(510), at(515));
  CHECK_FALSE(history.traced("INPUT", 2, at(500)));
  CHECK(history.traced("INPUT", 1, at(500)));
  history.read(table({test::kAccept, test::kDrop}), at(610), at(615));
  CHECK(history.traced("INPUT", 2, at(600)));
}

TEST_CASE("older states are forgotten") {
  TableHistory history;
  for (int i = 0; i < 40; ++i) history.read(table(std::vector<std::int32_t>(1 + i % 2, test::kDrop)), at(i * 100), at(i * 100 + 5));
  CHECK(history.size() < 20);
  CHECK(history.read_ns() == at(3900));
  CHECK_FALSE(history.traced("INPUT", 1, at(50)));
  CHECK(history.traced("INPUT", 1, at(3890)));
}
