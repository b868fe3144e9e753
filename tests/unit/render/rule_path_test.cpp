// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// The rules of --nftrace: one packet's, in order, a line each.
#include "render/rule_path.hpp"

#include <doctest/doctest.h>

#include <algorithm>

#include "samples.hpp"

using namespace synfate;
using namespace synfate::render;
using namespace synfate::render::testing;

namespace {

using Outcome = model::HookVerdict::Outcome;
using Kind = model::RuleKey::Kind;

model::Event step(MonotonicNs after_ns, const std::string& chain, Outcome outcome, model::NetnsId netns = kHost) {
  model::HookVerdict verdict;
  verdict.how = model::HookVerdict::How::NfTrace;
  verdict.outcome = outcome;
  verdict.rule.kind = Kind::NftRule;
  verdict.rule.family = 2;
  verdict.rule.table = "filter";
  verdict.rule.chain = chain;
  verdict.rule.handle = 7;
  model::Event event;
  event.time_ns = kStart + after_ns;
  event.leg = model::Leg::Syn;
  event.place.netns = netns;
  event.what = verdict;
  return event;
}

model::HookVerdict& verdict_of(model::Event& event) { return std::get<model::HookVerdict>(event.what); }

model::Attempt with(const std::vector<model::Event>& steps) {
  model::Attempt attempt = dropped_by_a_rule();
  attempt.netns_names[kHost] = "host";
  for (const model::Event& event : steps) attempt.journey.events.push_back(event);
  return attempt;
}

std::string text(const model::Attempt& attempt, bool verbose = false) { return rule_path_text(attempt, {.verbose = verbose}); }

}  // namespace

TEST_CASE("a line each, with what every kind of step has to say") {
  auto jump = step(1, "FORWARD", Outcome::Jump);
  verdict_of(jump).target = "MINE";
  auto policy = step(2, "FORWARD", Outcome::Accept);
  verdict_of(policy).rule.kind = Kind::NftPolicy;
  verdict_of(policy).rule.handle = 0;
  auto legacy = step(3, "INPUT", Outcome::Other);
  verdict_of(legacy).rule.kind = Kind::XtRule;
  verdict_of(legacy).rule.handle = 0;
  verdict_of(legacy).rule.number = 3;
  verdict_of(legacy).rule.family = 10;
  verdict_of(legacy).expression = "rule";
  auto legacy_policy = legacy;
  verdict_of(legacy_policy).rule.number = 4;
  verdict_of(legacy_policy).expression = "policy?";
  const auto attempt = with({jump, policy, legacy, legacy_policy});
  CHECK(text(attempt) ==
        "  rules  host: ip filter FORWARD (handle 7) jump MINE\n"
        "         host: ip filter FORWARD policy accept\n"
        "         host: iptables-legacy ip6 filter INPUT rule 3\n"
        "         host: iptables-legacy ip6 filter INPUT policy\n");
  const Json json = rule_path_json(attempt.journey);
  REQUIRE(json.size() == 4);
  CHECK(json[3]["policy"] == true);
  CHECK(json[3]["number"].is_null());
  CHECK(json[0]["target"] == "MINE");
  CHECK(json[0]["verdict"] == "jump");
  CHECK(json[0]["handle"] == 7);
  CHECK(json[0]["backend"].is_null());
  CHECK(json[1]["policy"] == true);
  CHECK(json[2]["backend"] == "iptables-legacy");
  CHECK(json[2]["number"] == 3);
  CHECK(json[2]["verdict"].is_null());
}

TEST_CASE("without --nftrace there is no path") {
  CHECK(text(dropped_by_a_rule()).empty());
  CHECK(rule_path_json(dropped_by_a_rule().journey).empty());
  auto by_stack = step(1, "FORWARD", Outcome::Drop);
  verdict_of(by_stack).how = model::HookVerdict::How::Stack;
  CHECK(text(with({by_stack})).empty());
}

TEST_CASE("of several SYNs the last one's") {
  const auto attempt = with({step(1, "A", Outcome::Accept), step(2, "B", Outcome::Drop), step(kSecond, "A", Outcome::Accept),
                             step(kSecond + 1, "C", Outcome::Drop)});
  const auto path = rule_path(attempt.journey);
  REQUIRE(path.size() == 2);
  CHECK(path[1]->get<model::HookVerdict>()->rule.chain == "C");
}

TEST_CASE("a SYN that waited for its neighbour goes on in another namespace") {
  const auto attempt = with({step(1, "A", Outcome::Accept), step(3 * kSecond, "B", Outcome::Drop, kServerNetns)});
  CHECK(rule_path(attempt.journey).size() == 2);
}

TEST_CASE("a long path keeps both ends, and all of it with -v") {
  std::vector<model::Event> steps;
  for (unsigned i = 0; i < 60; ++i) steps.push_back(step(i, "chain" + std::to_string(i), Outcome::Continue));
  const auto attempt = with(steps);
  const std::string some = text(attempt);
  CHECK(some.find("(36 more rules; -v shows them)") != std::string::npos);
  CHECK(some.find("chain3 ") != std::string::npos);
  CHECK(some.find("chain4 ") == std::string::npos);
  CHECK(some.find("chain39 ") == std::string::npos);
  CHECK(some.find("chain40 ") != std::string::npos);
  CHECK(some.find("chain59 ") != std::string::npos);
  const std::string all = text(attempt, true);
  CHECK(std::count(all.begin(), all.end(), '\n') == 60);
}

TEST_CASE("names from outside cannot command a terminal") {
  CHECK(text(with({step(1, "evil\x1b[2J", Outcome::Drop)})).find('\x1b') == std::string::npos);
}
