// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// The lines that programs read, as structure: names, types and nulls of the contract.
#include "render/json.hpp"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "samples.hpp"

using namespace synfate;
using namespace synfate::render;
using namespace synfate::render::testing;
using nlohmann::json;

namespace {

json rendered(const model::Attempt& attempt) {
  Paper paper;
  JsonSink sink(paper.writer(), testing::clock());
  CHECK(sink.attempt(attempt));
  REQUIRE(paper.writes.size() == 1);
  REQUIRE(paper.text.find('\n') == paper.text.size() - 1);
  json parsed = json::parse(paper.text, nullptr, false);
  REQUIRE(parsed.is_object());
  return parsed;
}

}  // namespace

TEST_CASE("an attempt has every field of the contract") {
  json row = rendered(dropped_by_a_rule());
  const json path = row.at("path");
  row.erase("path");
  const json expected = json::parse(R"json({
    "type": "attempt", "v": 1, "id": 7, "revision": 1,
    "first_seen": "2026-11-20T14:40:31.204113Z", "last_seen": "2026-11-20T14:40:34.219870Z",
    "flow": {"family": 4, "src": "10.42.0.17", "sport": 43210, "dst": "10.43.96.7", "dport": 4317},
    "nat": {"src": null, "sport": null, "dst": "10.42.0.9", "dport": 4317},
    "isn": 2885681011, "syns": 3, "gives_up_after_s": 131,
    "client": {"netns": 4026532511, "netns_name": "testbed/simulator", "node": "k3d-server-0", "pod": "testbed/simulator",
               "container": null, "tgid": 4242, "comm": "curl"},
    "server": {"netns": 4026532617, "netns_name": "observability/otel-collector", "node": "k3d-server-0",
               "pod": "observability/otel-collector", "service": "observability/otel-collector:otlp"},
    "fate": "dropped", "cause": "netfilter_drop", "packet": "syn",
    "where": {"netns": 4026531840, "netns_name": "k3d-server-0", "node": "k3d-server-0", "pod": null, "device": "veth5c2a",
              "stage": "forward", "function": "nft_do_chain", "module": "nf_tables", "reason": "NETFILTER_DROP",
              "rule": {"backend": "iptables-nft", "family": "ip", "table": "filter", "chain": "KUBE-POD-FW-4BDGZEWEU32YM75H",
                       "number": 9, "handle": 41, "policy": false,
                       "text": "-A KUBE-POD-FW-4BDGZEWEU32YM75H -m comment --comment \"rule to drop traffic destined for POD name:otel-collector\" -j DROP",
                       "comment": "rule to drop traffic destined for POD name:otel-collector", "how": "stack"},
              "rule_gap": null},
    "means": {"kind": "NetworkPolicy", "engine": "kube-router", "namespace": "observability", "name": "default-deny",
              "text": "no policy admits this source"},
    "confidence": "exact", "evidence": ["the kernel's own verdict (stack)", "0 events lost"], "notes": [],
    "next": "kubectl -n observability describe networkpolicy default-deny"})json");
  CHECK(row == expected);
  REQUIRE(path.size() == 10);
  CHECK(path[1] == json::parse(R"({"t_us": 5, "netns": 4026531840, "device": "veth5c2a", "event": "receive", "leg": "syn",
                                   "src": "10.42.0.17:43210", "dst": "10.43.96.7:4317"})"));
  CHECK(path[9].at("event") == "drop");
  CHECK(path[9].at("t_us") == 3015757);
}

TEST_CASE("what is not known is null, and the keys are there all the same") {
  model::Attempt nothing;
  const json row = rendered(nothing);
  CHECK(row.at("flow") == json::parse(R"({"family": null, "src": null, "sport": null, "dst": null, "dport": null})"));
  for (const char* key : {"nat", "cause", "packet", "means", "next", "gives_up_after_s"}) CHECK(row.at(key).is_null());
  for (const auto& part : {"client", "server", "where"}) {
    for (const auto& item : row.at(part).items()) CHECK_MESSAGE(item.value().is_null(), item.key());
  }
  CHECK(row.at("where").size() == 11);
  CHECK(row.at("path") == json::array());
  CHECK(row.at("fate") == "unfinished");
}

TEST_CASE("no SYN: no ISN, no source") {
  const json row = rendered(no_route());
  CHECK(row.at("isn").is_null());
  CHECK(row.at("syns") == 0);
  CHECK(row.at("flow") == json::parse(R"({"family": 4, "src": null, "sport": null, "dst": "10.9.9.9", "dport": 80})"));
  CHECK(row.at("packet").is_null());
  CHECK(
      row.at("path") ==
      json::parse(
          R"([{"t_us": 0, "netns": 4026532511, "device": null, "event": "route_failure", "leg": null, "src": null, "dst": "10.9.9.9:80"}])"));
}

TEST_CASE("NAT of the source only, and of neither") {
  CHECK(rendered(unanswered()).at("nat") == json::parse(R"({"src": "2001:db8::abcd", "sport": 61000, "dst": null, "dport": null})"));
  CHECK(rendered(unanswered()).at("flow").at("family") == 6);
  CHECK(rendered(established()).at("nat").is_null());
}

TEST_CASE("a rule that is partly known, an element, a rule of nothing") {
  model::Attempt attempt = lost_syn_ack();
  json where = rendered(attempt).at("where");
  CHECK(where.at("rule").at("family") == "ip");
  CHECK(where.at("rule").at("policy").is_null());
  CHECK(where.at("rule").at("number").is_null());
  CHECK_FALSE(where.at("rule").contains("element"));
  CHECK(where.at("rule_gap") == "the two call sites of nft_do_chain were not told apart");
  attempt.verdict.where.rule->element = "10.0.0.1 : drop";
  attempt.verdict.where.rule->number = 0;
  where = rendered(attempt).at("where");
  CHECK(where.at("rule").at("element") == "10.0.0.1 : drop");
  CHECK(where.at("rule").at("number") == 0);
  CHECK_FALSE(where.at("rule").contains("via"));
  attempt.verdict.where.rule->via = "10.0.0.1 . 80";
  CHECK(rendered(attempt).at("where").at("rule").at("via") == "10.0.0.1 . 80");
  attempt.verdict.where.rule = model::RuleRef{};
  CHECK(rendered(attempt).at("where").at("rule").is_null());
}

TEST_CASE("each observation has its event name, and a time before the first is negative") {
  model::Attempt attempt = established();
  attempt.journey.events.clear();
  const auto add = [&](model::Observation what) {
    model::Event event = hop(0, model::Leg::Syn, model::HopKind::Xmit, kHost, 2, "eth0");
    event.time_ns = kStart - 3000;
    event.what = std::move(what);
    attempt.journey.events.push_back(event);
  };
  using Kind = model::SocketEventKind;
  add(model::Hop{model::HopKind::Xmit, 0, 0});
  add(model::Hop{model::HopKind::Receive, 0, 0});
  add(model::Hop{model::HopKind::Enqueue, 0, 0});
  add(model::Drop{});
  add(model::IcmpSent{3, 1});
  add(model::RouteFailure{-101, 254});
  for (const Kind kind :
       {Kind::State, Kind::Retransmit, Kind::SynAckRetransmit, Kind::Error, Kind::ResetSent, Kind::ResetReceived, Kind::Stale}) {
    add(model::SocketEvent{kind, 0, 0, 0, false});
  }
  json names = json::array();
  const json row = rendered(attempt);
  for (const json& event : row.at("path")) {
    names.push_back(event.at("event"));
    CHECK(event.at("t_us") == -3);
  }
  CHECK(names == json::parse(R"(["xmit", "receive", "enqueue", "drop", "icmp_sent", "route_failure", "state", "retransmit",
                                 "synack_retransmit", "error", "rst_sent", "rst_received", "stale"])"));
}

TEST_CASE("what is known of a verdict is in the rule, and is no station of the path") {
  model::Attempt attempt = dropped_by_a_rule();
  const json before = rendered(attempt).at("path");
  model::Event verdict = attempt.journey.events.back();
  verdict.what = model::HookVerdict{};
  attempt.journey.events.push_back(verdict);
  CHECK(rendered(attempt).at("path") == before);
}

TEST_CASE("any bytes at all make valid JSON, and line breaks stay only in rule text") {
  std::string evil;
  for (int byte = 0; byte < 256; ++byte) evil += static_cast<char>(byte);
  evil += "\"}\xed\xa0\x80\xf4\x90\x80\x80\xc3";
  model::Attempt attempt = dropped_by_a_rule();
  attempt.client = {kClientNetns, evil, evil, evil, evil, evil, {1, 1, 0, evil}};
  attempt.server = {kServerNetns, evil, evil, evil, evil, evil, {}};
  for (auto& [id, name] : attempt.netns_names) name = evil;
  for (model::Event& event : attempt.journey.events) event.place.device = evil;
  model::Verdict& verdict = attempt.verdict;
  verdict.cause = verdict.summary = verdict.next = evil;
  verdict.where = {kHost, evil, evil, evil, model::Stage::Forward, evil, evil, evil, {}, evil};
  verdict.where.rule = model::RuleRef{evil, evil, evil, evil, 1, 2, true, evil, "ip saddr 1\n" + evil, evil, evil, evil};
  verdict.means = model::Means{evil, evil, evil, evil, evil};
  verdict.evidence = verdict.notes = {evil};
  const json row = rendered(attempt);
  CHECK(row.at("client").at("comm").get<std::string>().find("\"}?") != std::string::npos);
  CHECK(row.at("where").at("rule").at("text").get<std::string>().starts_with("ip saddr 1\n?"));
  CHECK(row.at("next").get<std::string>().find('\n') == std::string::npos);

  Paper paper;
  JsonSink sink(paper.writer(), testing::clock());
  CHECK(sink.notice({model::NoticeLevel::Warning, evil, evil}));
  model::Summary summary;
  summary.tier = evil;
  summary.gaps = {{evil, evil}};
  CHECK(sink.summary(summary));
  for (const std::string& line : paper.writes) CHECK(json::accept(line));
}

TEST_CASE("huge strings are bounded and marked as cut") {
  model::Attempt attempt = dropped_by_a_rule();
  attempt.verdict.where.rule->text = std::string(1 << 20, 'x');
  attempt.verdict.next = std::string(1 << 20, 'y');
  const json row = rendered(attempt);
  const auto text = row.at("where").at("rule").at("text").get<std::string>();
  CHECK(text.size() < 20'000);
  CHECK(text.ends_with("x…"));
  CHECK(row.at("next").get<std::string>().size() < 5'000);
}

TEST_CASE("notice and summary") {
  Paper paper;
  JsonSink sink(paper.writer(), testing::clock());
  CHECK(sink.notice({model::NoticeLevel::Info, "armed", "armed in 90 ms"}));
  CHECK(sink.notice({model::NoticeLevel::Warning, "ring_full", "12 events lost"}));
  model::Summary summary;
  summary.attempts = {{model::Fate::Dropped, 1}, {model::Fate::ClosedEarly, 2}, {model::Fate::Parked, 0}};
  summary.events_seen = 40;
  summary.events_lost = 3;
  summary.tier = "1";
  summary.gaps = {{"no_nft", "the nft tool was not found"}};
  summary.duration_ns = 2'500'400'000;
  CHECK(sink.summary(summary));
  REQUIRE(paper.writes.size() == 3);
  CHECK(json::parse(paper.writes[0]) ==
        json::parse(R"({"type": "notice", "v": 1, "level": "info", "code": "armed", "text": "armed in 90 ms"})"));
  CHECK(json::parse(paper.writes[1]).at("level") == "warning");
  CHECK(json::parse(paper.writes[2]) ==
        json::parse(R"({"type": "summary", "v": 1, "attempts": {"dropped": 1, "closed_early": 2}, "events": {"seen": 40, "lost": 3},
                        "tier": "1", "gaps": [{"code": "no_nft", "text": "the nft tool was not found"}], "duration_s": 2.5})"));
}

TEST_CASE("an empty summary has its keys") {
  Paper paper;
  JsonSink sink(paper.writer(), testing::clock());
  CHECK(sink.summary({}));
  CHECK(json::parse(paper.text) == json::parse(R"({"type": "summary", "v": 1, "attempts": {}, "events": {"seen": 0, "lost": 0},
                                                   "tier": "", "gaps": [], "duration_s": 0.0})"));
}

TEST_CASE("after a broken pipe nothing is written any more") {
  Paper paper;
  paper.writes_left = 0;
  JsonSink sink(paper.writer(), testing::clock());
  CHECK_FALSE(sink.attempt(established()));
  paper.writes_left = 5;
  CHECK_FALSE(sink.notice({}));
  CHECK_FALSE(sink.summary({}));
  CHECK(paper.text.empty());
  CHECK(paper.refused == 1);
}
