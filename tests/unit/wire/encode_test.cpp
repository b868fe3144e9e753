// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "wire/encode.hpp"

#include <doctest/doctest.h>

#include "synfate/wire.h"
#include "wire/decode.hpp"

namespace synfate::wire {
namespace {

model::StreamedEvent verdict_event() {
  model::HookVerdict verdict;
  verdict.how = model::HookVerdict::How::NfTrace;
  verdict.outcome = model::HookVerdict::Outcome::Jump;
  verdict.target = "KUBE-FORWARD";
  verdict.expression = "rule";
  verdict.rule.kind = model::RuleKey::Kind::NftRule;
  verdict.rule.family = 10;
  verdict.rule.table = "filter";
  verdict.rule.chain = "FORWARD";
  verdict.rule.handle = 41;
  verdict.rule.number = 9;
  verdict.ruleset = 12;
  model::StreamedEvent event;
  event.isn = 2885681011;
  event.event.time_ns = 77;
  event.event.leg = model::Leg::Syn;
  event.event.skb = 4711;
  event.event.flow = {{*model::parse_ip("fd00::1"), 40000}, {*model::parse_ip("fd00::2"), 80}};
  event.event.place = {4026532511, 3, model::DeviceKind::Unknown, "eth0"};
  event.event.what = verdict;
  return event;
}

model::StreamedEvent through_the_wire(const model::StreamedEvent& event) {
  const auto bytes = encode_verdict(event);
  REQUIRE(bytes);
  const auto decoded = decode(*bytes, {});
  REQUIRE(decoded);
  const auto* streamed = std::get_if<StreamedEvent>(&*decoded);
  REQUIRE(streamed != nullptr);
  return *streamed;
}

TEST_CASE("what is encoded is what is decoded") {
  const auto event = verdict_event();
  const auto again = through_the_wire(event);
  CHECK(again.attempt == 0);
  CHECK(again.isn == event.isn);
  CHECK(again.event.time_ns == 77);
  CHECK(again.event.leg == model::Leg::Syn);
  CHECK(again.event.skb == 4711);
  CHECK(again.event.flow == event.event.flow);
  CHECK(again.event.place.netns == 4026532511);
  CHECK(again.event.place.device == "eth0");
  const auto* verdict = again.event.get<model::HookVerdict>();
  REQUIRE(verdict != nullptr);
  CHECK(verdict->how == model::HookVerdict::How::NfTrace);
  CHECK(verdict->outcome == model::HookVerdict::Outcome::Jump);
  CHECK(verdict->target == "KUBE-FORWARD");
  CHECK(verdict->expression == "rule");
  CHECK(verdict->ruleset == 12);
  CHECK(verdict->rule == event.event.get<model::HookVerdict>()->rule);
  CHECK_FALSE(verdict->entry);
  CHECK(verdict->doubt.empty());
}

TEST_CASE("every outcome and kind survives") {
  using Outcome = model::HookVerdict::Outcome;
  using Kind = model::RuleKey::Kind;
  auto event = verdict_event();
  for (const Outcome outcome :
       {Outcome::Drop, Outcome::Accept, Outcome::Jump, Outcome::Goto, Outcome::Return, Outcome::Continue, Outcome::Other}) {
    std::get<model::HookVerdict>(event.event.what).outcome = outcome;
    CHECK(through_the_wire(event).event.get<model::HookVerdict>()->outcome == outcome);
  }
  for (const Kind kind : {Kind::None, Kind::NftRule, Kind::NftPolicy, Kind::XtRule}) {
    std::get<model::HookVerdict>(event.event.what).rule.kind = kind;
    CHECK(through_the_wire(event).event.get<model::HookVerdict>()->rule.kind == kind);
  }
}

TEST_CASE("a name that is longer than its field is cut, not spilt") {
  auto event = verdict_event();
  auto& verdict = std::get<model::HookVerdict>(event.event.what);
  verdict.rule.table = std::string(300, 't');
  verdict.rule.chain = std::string(300, 'c');
  verdict.target = std::string(300, 'g');
  const auto again = through_the_wire(event);
  const auto* cut = again.event.get<model::HookVerdict>();
  CHECK(cut->rule.table == std::string(WIRE_TABLE_LEN - 1, 't'));
  CHECK(cut->rule.chain == std::string(WIRE_CHAIN_LEN - 1, 'c'));
  CHECK(cut->target == std::string(WIRE_TABLE_LEN - 1, 'g'));
}

TEST_CASE("other events are the kernel's to tell") {
  auto event = verdict_event();
  event.event.what = model::Hop{};
  CHECK_FALSE(encode_verdict(event));
}

}  // namespace
}  // namespace synfate::wire
