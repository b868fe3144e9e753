// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// When a traced rule is known to have dropped: every time that was shown stays, and no time between two of them is made up.
#include "model/rule.hpp"

#include <doctest/doctest.h>

using namespace synfate::model;

TEST_CASE("a later time does not take an earlier one away, and what lies between stays unknown") {
  RuleText rule;
  rule.dropped_in({100, 200});
  rule.dropped_in({300, 400});
  CHECK(rule.dropped_at(100));
  CHECK(rule.dropped_at(200));
  CHECK_FALSE(rule.dropped_at(250));
  CHECK(rule.dropped_at(400));
  CHECK_FALSE(rule.dropped_at(401));
}

TEST_CASE("times that touch are one") {
  RuleText rule;
  rule.dropped_in({100, 200});
  rule.dropped_in({300, 400});
  rule.dropped_in({200, 299});
  CHECK(rule.drops.size() == 2);
  CHECK(rule.dropped_at(250));
  rule.dropped_in({150, 350});
  CHECK(rule.drops.size() == 1);
  CHECK(rule.dropped_at(400));
}

TEST_CASE("a rule that drops for days does not grow") {
  RuleText rule;
  for (unsigned i = 1; i <= 10'000; ++i) rule.dropped_in({i * 10, i * 10 + 1});
  CHECK(rule.drops.size() == 64);
  CHECK(rule.dropped_at(100'000));
  CHECK_FALSE(rule.dropped_at(10));
}
