// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Flight records: variable length, written by several CPUs, reused. Identity, faces and hops come out; foreign and unfinished hops do not.
#include <doctest/doctest.h>

#include "records.hpp"
#include "wire/decode.hpp"

using namespace synfate;
using namespace synfate::test;

namespace {

const wire::KernelNames kNames{};

wire::FlightRecord flight(const Bytes& bytes) {
  auto decoded = wire::decode(bytes, kNames);
  if (!decoded) FAIL(to_string(decoded.error()));
  return std::get<wire::FlightRecord>(*decoded);
}

std::string why_not(const Bytes& bytes) {
  const auto decoded = wire::decode(bytes, kNames);
  return decoded ? "decoded" : decoded.error().why;
}

}  // namespace

TEST_CASE("who, which and how far") {
  const wire::FlightRecord got = flight(sent(attempt(), 3));
  CHECK(got.attempt == kAttemptId);
  CHECK(got.submitted_ns == 1'000'000'123);
  CHECK(got.cpu == 3);
  CHECK(got.first_ns == 1'000);
  CHECK(got.last_ns == 3'000);
  CHECK(got.last_skb == 0xffff888100000000);
  CHECK(got.isn == 2885681011);
  CHECK(got.server_isn == 77);
  CHECK(got.origin_netns == 4026532511);
  CHECK(got.client.tgid == 100);
  CHECK(got.client.tid == 101);
  CHECK(got.client.cgroup_id == 4242);
  CHECK(got.client.comm == "python3");
  CHECK(got.limits.syn_retries == 3);
  CHECK(got.limits.user_timeout_ms == 20'000);
  CHECK(got.local_client);
  CHECK(got.streamed);
  CHECK_FALSE(got.client_established);
  CHECK_FALSE(got.server_established);
  CHECK_FALSE(got.passed);
  CHECK(got.far_netns == 4026532617);
  CHECK(got.far_ifindex == 3);
  CHECK(got.far_event == model::HopKind::Receive);
  CHECK(got.syns == 2);
  CHECK(got.synacks == 1);
  CHECK(got.hops_lost == 0);
  CHECK(got.foreign_hops == 0);
  REQUIRE(got.faces.size() == 2);
  CHECK(to_string(got.faces[1].dst) == "10.0.0.9:4317");
  CHECK(got.hops.size() == 3);
}

TEST_CASE("each flag has its own field") {
  const auto with = [](__u32 flags) {
    wire_attempt record = attempt();
    record.flags = flags;
    return flight(sent(record, 3));
  };
  CHECK(with(WIRE_ATTEMPT_CLIENT_ESTABLISHED).client_established);
  CHECK(with(WIRE_ATTEMPT_SERVER_ESTABLISHED).server_established);
  CHECK(with(WIRE_ATTEMPT_PASSED).passed);
  CHECK_FALSE(with(0).local_client);
  CHECK_FALSE(with(0).streamed);
  CHECK_FALSE(with(0).client.known());
}

TEST_CASE("a hop has its face's flow in the packet's own direction") {
  const auto hop_of = [](__u8 leg, __u8 face) {
    wire_attempt record = attempt();
    record.hops[0].leg = leg;
    record.hops[0].face = face;
    record.hops[0].icmp = 3 << 4 | 13;
    return flight(sent(record, 3)).hops.at(0);
  };
  for (const __u8 leg : {WIRE_LEG_SYN, WIRE_LEG_ACK, WIRE_LEG_CLIENT_RESET}) {
    CHECK(to_string(hop_of(leg, 1).flow.dst) == "10.0.0.9:4317");
    CHECK(hop_of(leg, 1).get<model::Hop>()->icmp_type == 0);
  }
  for (const __u8 leg : {WIRE_LEG_SYNACK, WIRE_LEG_RESET, WIRE_LEG_ICMP}) CHECK(to_string(hop_of(leg, 1).flow.src) == "10.0.0.9:4317");
  CHECK(hop_of(WIRE_LEG_ICMP, 0).get<model::Hop>()->icmp_type == 3);
  CHECK(hop_of(WIRE_LEG_ICMP, 0).get<model::Hop>()->icmp_code == 13);
  CHECK(to_string(hop_of(WIRE_LEG_SYN, WIRE_MAX_FACES).flow.dst) == "10.0.0.96:4317");
  CHECK(to_string(hop_of(WIRE_LEG_SYN, 2).flow.dst) == "10.0.0.96:4317");
}

TEST_CASE("what a hop says") {
  const auto hops = flight(sent(attempt(), 3)).hops;
  CHECK(hops[0].time_ns == 1'000);
  CHECK(hops[0].get<model::Hop>()->kind == model::HopKind::Xmit);
  CHECK(hops[0].place.device == "eth0");
  CHECK(hops[0].leg == model::Leg::Syn);
  CHECK(hops[2].leg == model::Leg::SynAck);
  CHECK(hops[2].get<model::Hop>()->kind == model::HopKind::Receive);
  CHECK(hops[2].place.device == "veth5c2a");
}

TEST_CASE("hops of another attempt are dropped and counted, even when they are garbage") {
  wire_attempt record = attempt();
  record.hops[1].tag ^= 1;
  record.hops[1].event = 200;
  const wire::FlightRecord got = flight(sent(record, 3));
  CHECK(got.foreign_hops == 1);
  REQUIRE(got.hops.size() == 2);
  CHECK(got.hops[1].leg == model::Leg::SynAck);
}

TEST_CASE("hops that were not there when the record was copied are lost hops") {
  wire_attempt record = attempt();
  record.hops[2].event = 0;
  wire::FlightRecord got = flight(sent(record, 3));
  CHECK(got.hops.size() == 2);
  CHECK(got.hops_lost == 1);

  record = attempt();
  record.hop_count = 4;
  got = flight(sent(record, 3));
  CHECK(got.hops.size() == 3);
  CHECK(got.hops_lost == 1);
}

TEST_CASE("a full record counts what did not fit once") {
  wire_attempt record = attempt();
  for (wire_hop& hop : record.hops) hop = record.hops[0];
  record.hop_count = WIRE_MAX_HOPS + 5;
  record.hops_lost = 5;
  const wire::FlightRecord got = flight(sent(record, WIRE_MAX_HOPS));
  CHECK(got.hops.size() == WIRE_MAX_HOPS);
  CHECK(got.hops_lost == 5);
}

TEST_CASE("no hop at all is a record too") {
  CHECK(flight(sent(
                   [] {
                     auto r = attempt();
                     r.hop_count = 0;
                     return r;
                   }(),
                   0))
            .hops.empty());
}

TEST_CASE("counts that cannot be are refused") {
  struct Case {
    void (*change)(wire_attempt&);
    std::size_t hops;
    const char* why;
  };
  const Case cases[] = {
      {[](wire_attempt& r) { r.hop_count = ~0U; }, 3, "flight record says that it has 4294967295 hops"},
      {[](wire_attempt& r) { r.face_count = 0; }, 3, "flight record with 0 faces, expected 1 to 4"},
      {[](wire_attempt& r) { r.face_count = 5; }, 3, "flight record with 5 faces, expected 1 to 4"},
      {[](wire_attempt& r) { r.id = 0; }, 3, "flight record of attempt 0"},
      {[](wire_attempt& r) { r.hops[0].face = WIRE_MAX_FACES + 1; }, 3, "hop with face 5"},
      {[](wire_attempt& r) { r.hops[0].event = 9; }, 3, "packet event 9 is not known"},
      {[](wire_attempt& r) { r.far_event = 9; }, 3, "packet event 9 is not known"},
  };
  for (const Case& wrong : cases) {
    wire_attempt record = attempt();
    wrong.change(record);
    CHECK(why_not(sent(record, wrong.hops)) == wrong.why);
  }
}

TEST_CASE("a size between two hops is refused") {
  wire_attempt record = attempt();
  const std::size_t size = offsetof(wire_attempt, hops) + 8;
  record.header.size = static_cast<__u16>(size);
  CHECK(why_not(bytes_of(record, size)) == "flight record of " + std::to_string(size) + " bytes ends inside a hop");
}
