// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// What is concluded from lessons: only what all of them agree about.
#include "probe/lessons.hpp"

#include <doctest/doctest.h>

#include <cstring>
#include <utility>

#include "bpf/lesson_record.h"

using namespace synfate::probe;

namespace {

constexpr std::uint64_t kRuleSite = 0xffffffff81000100;
constexpr std::uint64_t kPolicySite = 0xffffffff81000200;
constexpr std::uint64_t kEntrySite = 0xffffffff81000300;

struct Found {
  std::int32_t slot;
  wire_lesson_kind what;
  std::uint64_t value;
};

std::uint64_t rule(char chain, std::uint32_t number) { return static_cast<std::uint64_t>(chain) << 32U | number; }

void give(Lessons& lessons, std::uint16_t port, std::uint64_t location, const std::vector<Found>& found,
          const std::vector<std::uint32_t>& bpf_entries = {}) {
  wire_lesson lesson{};
  lesson.header.kind = WIRE_KIND_LESSON;
  lesson.header.size = sizeof lesson;
  lesson.location = location;
  lesson.dport = port;
  lesson.count = static_cast<__u32>(found.size());
  for (std::size_t i = 0; i < found.size(); ++i) lesson.found[i] = {found[i].slot, static_cast<__u32>(found[i].what), found[i].value};
  lesson.bpf_count = static_cast<__u32>(bpf_entries.size());
  for (std::size_t i = 0; i < bpf_entries.size(); ++i) lesson.bpf_entry[i] = bpf_entries[i];
  lessons.add({reinterpret_cast<const std::byte*>(&lesson), sizeof lesson});
}

Lessons two_rules_one_policy() {
  return Lessons({{1, {Drill::By::Rule, 'a', 1}}, {2, {Drill::By::Rule, 'b', 3}}, {6, {Drill::By::Policy, 'p', 0}}});
}

}  // namespace

TEST_CASE("slots on which all lessons agree are learnt, nearest first") {
  Lessons lessons = two_rules_one_policy();
  give(lessons, 1, kRuleSite,
       {{15, WIRE_LESSON_EXPRESSION, rule('a', 1)}, {-4, WIRE_LESSON_EXPRESSION, rule('a', 1)}, {9, WIRE_LESSON_EXPRESSION, rule('a', 1)}});
  CHECK_FALSE(lessons.complete());
  CHECK(lessons.missing() == std::vector<std::uint16_t>{2, 6});
  give(lessons, 2, kRuleSite,
       {{15, WIRE_LESSON_EXPRESSION, rule('b', 3)}, {-4, WIRE_LESSON_EXPRESSION, rule('b', 3)}, {9, WIRE_LESSON_EXPRESSION, rule('b', 2)}});
  give(lessons, 6, kPolicySite, {{17, WIRE_LESSON_CHAIN, rule('p', 0)}, {18, WIRE_LESSON_CHAIN, rule('q', 0)}});
  CHECK(lessons.complete());
  const Frames frames = lessons.frames();
  CHECK(frames.knows_rules());
  CHECK(frames.rule_site == kRuleSite);
  CHECK(frames.expression == std::vector<std::int32_t>{-4, 15});
  CHECK(frames.policy_site == kPolicySite);
  CHECK(frames.base_chain == std::vector<std::int32_t>{17});
  CHECK_FALSE(frames.knows_entries());
}

TEST_CASE("a lesson that is missing, that finds nothing or that disagrees unlearns what it is about, and nothing else") {
  Lessons missing = two_rules_one_policy();
  give(missing, 1, kRuleSite, {{15, WIRE_LESSON_EXPRESSION, rule('a', 1)}});
  give(missing, 6, kPolicySite, {{17, WIRE_LESSON_CHAIN, rule('p', 0)}});
  CHECK_FALSE(missing.frames().knows_rules());
  CHECK(missing.frames().rule_site == 0);
  CHECK(missing.frames().knows_policies());

  Lessons nothing = two_rules_one_policy();
  give(nothing, 1, kRuleSite, {{15, WIRE_LESSON_EXPRESSION, rule('a', 1)}});
  give(nothing, 2, kRuleSite, {{15, WIRE_LESSON_EXPRESSION, rule('a', 1)}});
  CHECK_FALSE(nothing.frames().knows_rules());

  Lessons elsewhere = two_rules_one_policy();
  give(elsewhere, 1, kRuleSite, {{15, WIRE_LESSON_EXPRESSION, rule('a', 1)}});
  give(elsewhere, 2, kEntrySite, {{15, WIRE_LESSON_EXPRESSION, rule('b', 3)}});
  CHECK_FALSE(elsewhere.frames().knows_rules());
}

TEST_CASE("one place for rules and policies tells neither") {
  Lessons lessons = two_rules_one_policy();
  give(lessons, 1, kRuleSite, {{15, WIRE_LESSON_EXPRESSION, rule('a', 1)}});
  give(lessons, 2, kRuleSite, {{15, WIRE_LESSON_EXPRESSION, rule('b', 3)}});
  give(lessons, 6, kRuleSite, {{17, WIRE_LESSON_CHAIN, rule('p', 0)}});
  CHECK_FALSE(lessons.frames().knows_rules());
  CHECK_FALSE(lessons.frames().knows_policies());
}

TEST_CASE("the index of a hook entry is compared with where synfate's own entries are") {
  Lessons lessons({{11, {Drill::By::Entry, 0, 1}}, {12, {Drill::By::Entry, 0, 2}}});
  give(lessons, 11, kEntrySite, {{10, WIRE_LESSON_STATE, 0}, {11, WIRE_LESSON_INDEX, 2}, {12, WIRE_LESSON_INDEX, 1}}, {0, 2, 4});
  give(lessons, 12, kEntrySite, {{10, WIRE_LESSON_STATE, 0}, {11, WIRE_LESSON_INDEX, 4}, {12, WIRE_LESSON_INDEX, 2}}, {0, 2, 4});
  const Frames frames = lessons.frames();
  CHECK(frames.knows_entries());
  CHECK(frames.entry_index == std::vector<std::int32_t>{11});
  CHECK(frames.state == std::vector<std::int32_t>{10});
}

TEST_CASE("a second lesson about the same port, foreign ports and odd records are ignored") {
  Lessons lessons({{1, {Drill::By::Rule, 'a', 1}}});
  give(lessons, 99, kRuleSite, {});
  CHECK_FALSE(lessons.complete());
  give(lessons, 1, kRuleSite, {{15, WIRE_LESSON_EXPRESSION, rule('a', 1)}});
  give(lessons, 1, kPolicySite, {});
  lessons.add({});
  CHECK(lessons.complete());
  CHECK(lessons.frames().knows_rules());
}
