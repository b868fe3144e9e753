// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "nftrace/message.hpp"

#include "fixtures.hpp"

namespace synfate::nftrace {
namespace {

using Outcome = model::HookVerdict::Outcome;

/// The steps of all messages, in their order; the fixture's table "marker" stands for the tracer's own.
std::vector<Step> steps(const std::vector<test::Body>& bodies) {
  NftSteps together("marker");
  std::vector<Step> all;
  for (const test::Body& body : bodies) {
    auto message = parse_nft_trace(body);
    REQUIRE(message);
    if (auto step = together.take(std::move(*message))) all.push_back(std::move(*step));
  }
  return all;
}

std::string said(const Step& step) {
  return step.chain + "/" + std::to_string(step.handle) + "/" + std::to_string(static_cast<int>(step.outcome)) + "/" + step.target +
         (step.kind == Step::Kind::Policy ? "/policy" : "");
}

TEST_CASE("a SYN that is dropped behind a jump") {
  const auto all = steps(test::bodies("nft_trace.bin"));
  REQUIRE(all.size() == 5);
  CHECK(said(all[0]) == "output/6/2/deep");
  CHECK(said(all[1]) == "deep/4/0/");
  for (const Step& step : {all[0], all[1]}) {
    CHECK(step.backend == Step::Backend::NfTables);
    CHECK(step.family == 1);
    CHECK(step.table == "lab");
    CHECK(step.isn != 0);
    CHECK(step.isn == all[0].isn);
    CHECK(step.trace_id == all[0].trace_id);
    CHECK(model::to_string(step.flow.dst) == "127.0.0.1:80");
    CHECK(step.out_ifindex == 1);
  }
}

TEST_CASE("a policy, and a chain that ends without a verdict") {
  const auto all = steps(test::bodies("nft_trace.bin"));
  REQUIRE(all.size() == 5);
  CHECK(said(all[2]) == "output/0/0//policy");
  CHECK(model::to_string(all[2].flow.dst) == "[::1]:81");
  CHECK(said(all[3]) == "output/7/2/empty");
  CHECK(said(all[4]) == "output/0/0//policy");
  CHECK(model::to_string(all[4].flow.dst) == "127.0.0.1:82");
}

TEST_CASE("without its headers a message tells of nobody's packet") {
  auto bodies = test::bodies("nft_trace.bin");
  auto last = parse_nft_trace(bodies.back());
  REQUIRE(last);
  CHECK_FALSE(last->has_headers);
  NftSteps fresh("marker");
  CHECK_FALSE(fresh.take(std::move(*last)));
}

TEST_CASE("after a loss an id that is known means nothing") {
  const auto bodies = test::bodies("nft_trace.bin");
  NftSteps together("marker");
  (void)together.take(*parse_nft_trace(bodies[3]));
  REQUIRE(together.take(*parse_nft_trace(bodies[4])));
  together.forget();
  CHECK_FALSE(together.take(*parse_nft_trace(bodies[4])));
}

TEST_CASE("headers that are not TCP's take an older packet's place") {
  const auto bodies = test::bodies("nft_trace.bin");
  NftSteps together("marker");
  (void)together.take(*parse_nft_trace(bodies[3]));
  auto other = *parse_nft_trace(bodies[3]);
  other.packet.reset();
  CHECK_FALSE(together.take(std::move(other)));
  CHECK_FALSE(together.take(*parse_nft_trace(bodies[4])));
}

TEST_CASE("memory for packets is bounded") {
  const auto bodies = test::bodies("nft_trace.bin");
  NftSteps together("marker");
  const auto first = *parse_nft_trace(bodies[3]);
  const auto behind = *parse_nft_trace(bodies[4]);
  (void)together.take(first);
  for (std::uint32_t id = 1; id <= 5000; ++id) {
    auto message = first;
    message.step.trace_id = first.step.trace_id + id;
    (void)together.take(std::move(message));
  }
  CHECK_FALSE(together.take(behind));
}

TEST_CASE("any cut of a message is refused or says less, never more") {
  for (const test::Body& body : test::bodies("nft_trace.bin")) {
    for (std::size_t size = 0; size < body.size(); ++size) {
      const auto cut = parse_nft_trace(Bytes(body).first(size));
      if (cut) CHECK(cut->step.table == parse_nft_trace(body)->step.table);
    }
  }
}

TEST_CASE("what xtables tells") {
  std::vector<Step> all;
  for (const test::Body& body : test::bodies("xt_trace.bin")) {
    if (auto step = parse_xt_trace(body)) all.push_back(std::move(*step));
  }
  REQUIRE(all.size() == 7);
  CHECK(all[0].backend == Step::Backend::XtablesLegacy);
  CHECK(all[0].family == 2);
  CHECK(all[0].table == "filter");
  CHECK(all[0].chain == "OUTPUT");
  CHECK(all[0].kind == Step::Kind::Rule);
  CHECK(all[0].number == 1);
  CHECK(all[0].outcome == Outcome::Other);
  CHECK(model::to_string(all[0].flow.dst) == "127.0.0.1:80");
  CHECK(all[0].isn != 0);
  CHECK(all[1].chain == "CHAIN:WITH:COLONS");
  CHECK(all[1].kind == Step::Kind::Return);
  CHECK(all[1].number == 2);
  CHECK(all[2].kind == Step::Kind::Policy);
  CHECK(all[4].family == 10);
  CHECK(all[4].table == "raw");
  CHECK(model::to_string(all[4].flow.dst) == "[::1]:80");
}

TEST_CASE("prefixes of others are not xtables' TRACE") {
  Step step;
  for (const char* prefix :
       {"", "TRACE:", "TRACE: ", "TRACE: filter", "TRACE: filter:INPUT", "TRACE: filter:INPUT:rule",
        "TRACE: a:b:rule:", "TRACE: a:b:rule:x", "TRACE: a:b:rule:0", "TRACE: a:b:rule:4294967296", "TRACE: a:b:other:1",
        "TRACE: :b:rule:1", "TRACE: a::rule:1", "trace: a:b:rule:1", "TRACE: rule:1", "TRACE: :::1"}) {
    CAPTURE(prefix);
    CHECK_FALSE(parse_xt_prefix(prefix, step));
  }
  CHECK(parse_xt_prefix("TRACE: filter:FORWARD:policy:12 ", step));
  CHECK(step.number == 12);
}

TEST_CASE("an event of xtables keeps what the kernel counts, also of a policy, and says that lines may be lost") {
  Step step;
  step.backend = Step::Backend::XtablesLegacy;
  REQUIRE(parse_xt_prefix("TRACE: filter:FORWARD:policy:12 ", step));
  const auto whole = to_event(step, 1);
  const auto* verdict = whole.event.get<model::HookVerdict>();
  REQUIRE(verdict != nullptr);
  CHECK(verdict->rule.kind == model::RuleKey::Kind::XtRule);
  CHECK(verdict->rule.number == 12);
  CHECK(verdict->expression == "policy");
  CHECK(verdict->outcome == Outcome::Other);
  CHECK(to_event(step, 1, true).event.get<model::HookVerdict>()->expression == "policy?");
}

TEST_CASE("as an event a step says whose it is and names no attempt") {
  const auto all = steps(test::bodies("nft_trace.bin"));
  REQUIRE(all.size() == 5);
  Step step = all[1];
  step.netns = 77;
  const auto event = to_event(step, 5 * kSecond);
  CHECK(event.attempt == 0);
  CHECK(event.isn == step.isn);
  CHECK(event.event.time_ns == 5 * kSecond);
  CHECK(event.event.place.netns == 77);
  CHECK(event.event.leg == model::Leg::Syn);
  const auto* verdict = event.event.get<model::HookVerdict>();
  REQUIRE(verdict != nullptr);
  CHECK(verdict->how == model::HookVerdict::How::NfTrace);
  CHECK(verdict->outcome == Outcome::Drop);
  CHECK(verdict->rule.kind == model::RuleKey::Kind::NftRule);
  CHECK(verdict->rule.handle == 4);
  CHECK(to_event(all[2], 1).event.get<model::HookVerdict>()->rule.kind == model::RuleKey::Kind::NftPolicy);
}

}  // namespace
}  // namespace synfate::nftrace
