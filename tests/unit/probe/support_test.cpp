// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Three answers, and only one of them is yes.
#include "probe/support.hpp"

#include <doctest/doctest.h>

#include "probe/features.hpp"

using namespace synfate::probe;

TEST_CASE("only yes is true") {
  CHECK(static_cast<bool>(Support::yes()));
  CHECK_FALSE(static_cast<bool>(Support::no("x")));
  CHECK_FALSE(static_cast<bool>(Support::unknown("x")));
  CHECK_FALSE(static_cast<bool>(Support{}));
}

TEST_CASE("nothing asked is unknown, not no") { CHECK(Support{}.state == Support::State::Unknown); }

TEST_CASE("no and unknown keep their reason and their difference") {
  CHECK(Support::no("no such tracepoint").why == "no such tracepoint");
  CHECK(Support::unknown("EPERM").why == "EPERM");
  CHECK(Support::no("x").state != Support::unknown("x").state);
}

TEST_CASE("a trial load is answered: a refusal by policy is never a no") {
  const auto features = read_features({});
  REQUIRE(features);
  for (const NamedSupport& type : rule_features(*features)) {
    CAPTURE(type.name);
    CAPTURE(type.support.why);
    CHECK_FALSE(type.name.empty());
    CHECK_FALSE(type.consequence.empty());
    if (type.support) continue;
    CHECK_FALSE(type.support.why.empty());
    const bool by_policy =
        type.support.why.find("not permitted") != std::string::npos || type.support.why.find("denied") != std::string::npos;
    CHECK((type.support.state == Support::State::Unknown) == by_policy);
  }
}
