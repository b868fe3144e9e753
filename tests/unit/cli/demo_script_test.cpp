// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// The course of a demo without a lab: rows lead from step to step, and a row that says something else than the truth is noticed.
#include "cli/demo_script.hpp"

#include <poll.h>

#include "session.hpp"

namespace synfate::cli::test {
namespace {

constexpr model::NetnsId kNode = 7;
constexpr model::NetnsId kWeb = 8;

model::NetnsId netns_called(const char* name) { return std::string_view(name) == "node" ? kNode : kWeb; }

model::Attempt true_row(std::size_t index) {
  const DemoStep& step = demo_steps().at(index);
  model::Attempt row;
  row.id = index + 1;
  row.journey.faces.push_back({{}, {*model::parse_ip(step.to), step.port}});
  row.verdict.cause = step.cause;
  row.verdict.packet = step.packet;
  row.verdict.where.netns = *step.netns == '\0' ? 0 : netns_called(step.netns);
  return row;
}

struct Rehearsal {
  explicit Rehearsal(DurationNs patience = DemoScript::kPatience) : script(rows, stage(), patience) {}

  DemoScript::Stage stage() {
    return {.say =
                [this](std::string_view lines) {
                  said.emplace_back(lines);
                  return listening;
                },
            .connect = [this](const model::Endpoint& to) { asked.push_back(to); },
            .netns = netns_called,
            .end = [this] { ++ends; },
            .style = {}};
  }

  FakeSink rows;
  std::vector<std::string> said;
  std::vector<model::Endpoint> asked;
  bool listening = true;
  int ends = 0;
  DemoScript script;
};

TEST_CASE("a demo whose rows are all true goes through its steps and has nothing to complain about") {
  Rehearsal demo;
  demo.script.begin();
  for (std::size_t i = 0; i < demo_steps().size(); ++i) {
    REQUIRE(demo.asked.size() == i + 1);
    CHECK(demo.asked[i] == true_row(i).journey.faces[0].dst);
    CHECK(demo.said.back().starts_with("\n" + std::to_string(i + 1) + ". client connects"));
    CHECK(demo.ends == 0);
    CHECK(demo.script.attempt(true_row(i)));
  }
  CHECK(demo.ends == 1);
  CHECK(demo.script.is_complete());
  CHECK(demo.script.complaints().empty());
  CHECK(demo.rows.rows.size() == demo_steps().size());
}

TEST_CASE("every step asks for an address of its own") {
  for (std::size_t i = 0; i < demo_steps().size(); ++i) {
    REQUIRE(model::parse_ip(demo_steps()[i].to));
    for (std::size_t j = 0; j < i; ++j) CHECK(std::string(demo_steps()[i].to) != demo_steps()[j].to);
  }
}

TEST_CASE("another cause, another packet and another place are each noticed, with what was set up and what was said") {
  Rehearsal demo;
  demo.script.begin();
  for (std::size_t i = 0; i < demo_steps().size(); ++i) {
    model::Attempt row = true_row(i);
    if (i == 1) row.verdict.cause = "other";
    if (i == 3) row.verdict.where.netns = kWeb;
    if (i == 4) row.verdict.packet = model::Leg::Syn;
    CHECK(demo.script.attempt(row));
  }
  const auto complaints = demo.script.complaints();
  REQUIRE(complaints.size() == 3);
  CHECK(complaints[0] == "step 2 was set up as netfilter_drop of the syn in node, and the row says other of the syn in node");
  CHECK(complaints[1] ==
        "step 4 was set up as route_blackhole of the syn in node, and the row says route_blackhole of the syn in network namespace 8");
  CHECK(complaints[2] == "step 5 was set up as rp_filter of the synack in node, and the row says rp_filter of the syn in node");
}

TEST_CASE("the last revision counts, and a row of something else leads nowhere") {
  Rehearsal demo;
  demo.script.begin();
  model::Attempt stranger = true_row(0);
  stranger.journey.faces[0].dst.port = 81;
  CHECK(demo.script.attempt(stranger));
  CHECK(demo.asked.size() == 1);
  model::Attempt first = true_row(0);
  first.verdict.cause = "unknown";
  CHECK(demo.script.attempt(first));
  CHECK(demo.asked.size() == 1);
  CHECK(demo.script.attempt(true_row(0)));
  CHECK(demo.asked.size() == 2);
  for (std::size_t i = 1; i < demo_steps().size(); ++i) CHECK(demo.script.attempt(true_row(i)));
  CHECK(demo.script.complaints().empty());
}

TEST_CASE("a step without a row is given up after a while, and missed") {
  Rehearsal demo(1 * kMillisecond);
  demo.script.begin();
  pollfd timer{demo.script.fd(), POLLIN, 0};
  REQUIRE(::poll(&timer, 1, 10'000) == 1);
  demo.script.overdue();
  CHECK(demo.asked.size() == 2);
  const auto complaints = demo.script.complaints();
  REQUIRE(complaints.size() == demo_steps().size());
  CHECK(complaints[0] == "step 1 was set up as established, and no row came");
}

TEST_CASE("a timer that has not gone off leads nowhere") {
  Rehearsal demo;
  demo.script.begin();
  demo.script.overdue();
  CHECK(demo.asked.size() == 1);
}

TEST_CASE("nothing more is tried once nobody reads") {
  Rehearsal demo;
  SUBCASE("the rows") {
    demo.script.begin();
    demo.rows.refuse_after = 0;
    CHECK_FALSE(demo.script.attempt(true_row(0)));
    CHECK(demo.asked.size() == 1);
  }
  SUBCASE("the narration") {
    demo.listening = false;
    demo.script.begin();
    CHECK(demo.asked.empty());
    CHECK(demo.ends == 1);
  }
  CHECK(demo.script.is_broken());
  CHECK_FALSE(demo.script.is_complete());
}

}  // namespace
}  // namespace synfate::cli::test
