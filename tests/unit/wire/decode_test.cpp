// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Records other than flight records: what is in them comes out, and nothing that is not exactly one of them is believed.
#include "wire/decode.hpp"

#include <doctest/doctest.h>

#include "records.hpp"

using namespace synfate;
using namespace synfate::test;

namespace {

const wire::KernelNames kNames{{{8, "NETFILTER_DROP"}, {9, "SKB_DROP_REASON_OTHERHOST"}, {10, ""}}, "6.18.0"};

template <class Record>
wire::StreamedEvent streamed(const Record& record) {
  auto decoded = wire::decode(bytes_of(record), kNames);
  if (!decoded) FAIL(to_string(decoded.error()));
  REQUIRE(std::holds_alternative<wire::StreamedEvent>(*decoded));
  return std::get<wire::StreamedEvent>(*decoded);
}

template <class Record>
std::string why_not(const Record& record) {
  const auto decoded = wire::decode(bytes_of(record), kNames);
  return decoded ? "decoded" : decoded.error().why;
}

}  // namespace

TEST_CASE("a packet at a device") {
  const wire::StreamedEvent got = streamed(packet());
  CHECK(got.attempt == kAttemptId);
  CHECK(got.isn == 2885681011);
  CHECK(got.local_client);
  CHECK(got.event.time_ns == 1'000'000'123);
  CHECK(got.event.cpu == 3);
  CHECK(got.event.leg == model::Leg::Syn);
  CHECK(got.event.skb == 0xffff888100000000);
  CHECK(to_string(got.event.flow.src) == "10.0.0.17:43210");
  CHECK(to_string(got.event.flow.dst) == "10.0.0.96:4317");
  CHECK(got.event.place.netns == 4026532511);
  CHECK(got.event.place.ifindex == 2);
  CHECK(got.event.place.kind == model::DeviceKind::Veth);
  CHECK(got.event.place.device == "eth0");
  REQUIRE(got.event.get<model::Hop>() != nullptr);
  CHECK(got.event.get<model::Hop>()->kind == model::HopKind::Receive);
}

TEST_CASE("ICMP type and code belong to the ICMP leg only") {
  wire_packet record = packet();
  record.icmp_type = 3;
  record.icmp_code = 1;
  CHECK(streamed(record).event.get<model::Hop>()->icmp_type == 0);
  record.subject.leg = WIRE_LEG_ICMP;
  const wire::StreamedEvent got = streamed(record);
  CHECK(got.event.leg == model::Leg::IcmpError);
  CHECK(got.event.get<model::Hop>()->icmp_type == 3);
  CHECK(got.event.get<model::Hop>()->icmp_code == 1);
}

TEST_CASE("a drop in a hook") {
  const wire::StreamedEvent got = streamed(drop());
  const auto* what = got.event.get<model::Drop>();
  REQUIRE(what != nullptr);
  CHECK(what->reason_number == 8);
  CHECK(what->reason == "NETFILTER_DROP");
  CHECK(what->symbol.function == "nft_do_chain");
  CHECK(what->symbol.module == "nf_tables");
  CHECK(what->symbol.offset == 0x3e8);
  CHECK(what->symbol.address == 0xffffffffc0a413e8);
  REQUIRE(what->has_hook);
  CHECK(what->hook.hook == 2);
  CHECK(what->hook.family == 2);
  CHECK(what->hook.in_ifindex == 2);
  CHECK(what->hook.out_ifindex == 5);
  CHECK(what->hook.in_device == "eth0");
  CHECK(what->hook.out_device == "cni0");
  CHECK(what->route_error == -113);
  CHECK(what->lookup_error == -101);
  CHECK(what->lookup_table == 254);
  CHECK(to_string(what->gateway) == "10.0.0.1");
  CHECK(what->packet_type == 3);
  CHECK(what->ttl == 63);
  CHECK(what->length_bytes == 60);
  CHECK(what->mac_destination[5] == 0x42);
  CHECK(what->mac_source[0] == 0x02);
}

TEST_CASE("a drop outside of netfilter has no hook, whatever the other fields hold") {
  wire_drop record = drop();
  record.hook = WIRE_HOOK_NONE;
  record.gateway_family = 0;
  const wire::StreamedEvent got = streamed(record);
  CHECK_FALSE(got.event.get<model::Drop>()->has_hook);
  CHECK(got.event.get<model::Drop>()->hook.in_device.empty());
  CHECK_FALSE(got.event.get<model::Drop>()->gateway);
}

TEST_CASE("drop reasons have the running kernel's names, or say their number") {
  const auto name = [](std::uint32_t reason) {
    wire_drop record = drop();
    record.reason = reason;
    return streamed(record).event.get<model::Drop>()->reason;
  };
  CHECK(name(8) == "NETFILTER_DROP");
  CHECK(name(9) == "OTHERHOST");
  CHECK(name(10) == "10");
  CHECK(name(212) == "212");
  CHECK(name(0x20005) == "subsystem 2 reason 5");
  CHECK(name(~0U) == "");
}

TEST_CASE("what TCP did") {
  const wire::StreamedEvent got = streamed(socket());
  const auto* what = got.event.get<model::SocketEvent>();
  REQUIRE(what != nullptr);
  CHECK(what->kind == model::SocketEventKind::Error);
  CHECK(what->error == 110);
  CHECK(what->old_state == 2);
  CHECK(what->new_state == 7);
  CHECK(what->at_server);
}

TEST_CASE("an ICMP error that is sent") {
  const wire::StreamedEvent got = streamed(icmp());
  REQUIRE(got.event.get<model::IcmpSent>() != nullptr);
  CHECK(got.event.get<model::IcmpSent>()->type == 3);
  CHECK(got.event.get<model::IcmpSent>()->code == 13);
  wire_icmp record = icmp();
  record.code = 256;
  CHECK(why_not(record) == "ICMP type 3 code 256");
}

TEST_CASE("what a listener did with a SYN") {
  const auto decoded = wire::decode(bytes_of(decision()), kNames);
  REQUIRE(decoded);
  const auto& streamed = std::get<wire::StreamedEvent>(*decoded);
  CHECK(streamed.attempt == kAttemptId);
  const auto* what = streamed.event.get<model::Decision>();
  REQUIRE(what != nullptr);
  CHECK(what->inode == 77);
  CHECK(what->queue_length == 129);
  CHECK(what->queue_limit == 128);
  CHECK(what->half_open == 3);
  CHECK(what->overflows == 1);
  CHECK(what->drops == 1);
  CHECK(what->syn_queue_full == 0);
  CHECK(what->cookies_sent == 0);
  CHECK(what->security_error == 0);
  CHECK(what->lookup_error == -11);
}

TEST_CASE("the socket that a dropped packet was for") {
  const auto decoded = wire::decode(bytes_of(receiver()), kNames);
  REQUIRE(decoded);
  const auto* what = std::get<wire::StreamedEvent>(*decoded).event.get<model::Receiver>();
  REQUIRE(what != nullptr);
  CHECK(what->state == 10);
  CHECK(what->min_ttl == 255);
  CHECK(what->has_filter);
  CHECK(what->filter_id == 41);
  CHECK(what->cgroup_id == 9);
  CHECK(what->programs_read);
  CHECK(what->ingress_count == 5);
  CHECK(what->ingress_programs == std::vector<std::uint32_t>{42, 43, 44, 45});
}

TEST_CASE("a connection that ended early") {
  wire_closing record = closing();
  const auto decoded = wire::decode(bytes_of(record), kNames);
  REQUIRE(decoded);
  const auto& ended = std::get<model::ClosingRecord>(*decoded);
  CHECK(ended.counted);
  CHECK(ended.client.comm == "curl");
  CHECK(ended.client.cgroup_id == 4242);
  CHECK(ended.first_ns == 999'000'000);
  CHECK(ended.own.dst.port == 4317);
  const auto* what = ended.streamed.event.get<model::Closing>();
  REQUIRE(what != nullptr);
  CHECK(what->at_server);
  CHECK(what->closer_comm == "postgres");
  CHECK(what->closer_tgid == 42);
  CHECK(what->bytes_received == 14);
  // It cannot go from ESTABLISHED to LISTEN.
  record.new_state = 10;
  CHECK_FALSE(wire::decode(bytes_of(record), kNames));
}

TEST_CASE("a connect() without a route") {
  const auto decoded = wire::decode(bytes_of(route()), kNames);
  REQUIRE(decoded);
  REQUIRE(std::holds_alternative<wire::RouteFailureRecord>(*decoded));
  const auto& got = std::get<wire::RouteFailureRecord>(*decoded);
  CHECK(got.flow.family() == 4);
  CHECK(to_string(got.flow.dst) == "10.0.0.99:80");
  CHECK(got.process.tgid == 100);
  CHECK(got.process.tid == 101);
  CHECK(got.process.cgroup_id == 4242);
  CHECK(got.process.comm == "curl");
  CHECK(got.netns == 4026532511);
  CHECK(got.failure.error == -101);
  CHECK(got.failure.table == 254);
  CHECK(got.time_ns == 1'000'000'123);
  CHECK(got.cpu == 3);
}

TEST_CASE("neighbours are unresolved ones, or refused") {
  const auto state = [](__u8 nud) {
    wire_neighbour record = neighbour();
    record.state = nud;
    return wire::decode(bytes_of(record), kNames);
  };
  REQUIRE(state(0x20));
  const auto failed = std::get<model::NeighbourEvent>(*state(0x20));
  CHECK(failed.failed);
  CHECK(to_string(failed.address) == "10.0.0.9");
  CHECK(failed.place.device == "eth0");
  CHECK(failed.time_ns == 1'000'000'123);
  REQUIRE(state(0x01));
  CHECK_FALSE(std::get<model::NeighbourEvent>(*state(0x01)).failed);
  for (const int resolved : {0x02, 0x04, 0x08, 0x10, 0x40, 0x80}) CHECK_FALSE(state(static_cast<__u8>(resolved)));
}

TEST_CASE("IPv6 keeps all sixteen bytes, IPv4 only four") {
  wire_packet record = packet();
  record.subject.flow.saddr[15] = 0xee;
  CHECK(streamed(record).event.flow.src.address.bytes[15] == 0);
  record.subject.flow.family = 6;
  CHECK(streamed(record).event.flow.src.address.bytes[15] == 0xee);
  CHECK(streamed(record).event.flow.family() == 6);
}

TEST_CASE("in front of a device's queue a packet is on its way out, and not at the driver") {
  wire_packet record = packet();
  record.event = WIRE_PACKET_QUEUE;
  const auto queued = streamed(record);
  CHECK(queued.event.get<model::Hop>()->kind == model::HopKind::Xmit);
  CHECK(queued.event.get<model::Hop>()->queued);
  record.event = WIRE_PACKET_XMIT;
  CHECK_FALSE(streamed(record).event.get<model::Hop>()->queued);
}

TEST_CASE("names that fill their field have no NUL, and end with the field") {
  wire_packet record = packet();
  set_text(record.subject.place.device, "0123456789abcdef");
  record.event = WIRE_PACKET_XMIT;
  CHECK(streamed(record).event.place.device == "0123456789abcdef");
  wire_route failure = route();
  set_text(failure.comm, "\x1b[31mred-------");
  const auto decoded = wire::decode(bytes_of(failure), kNames);
  REQUIRE(decoded);
  CHECK(std::get<wire::RouteFailureRecord>(*decoded).process.comm.size() == 15);
  wire_drop dropped = drop();
  set_text(dropped.symbol, std::string(WIRE_SYMBOL_LEN, 'x'));
  CHECK(streamed(dropped).event.get<model::Drop>()->symbol.function.empty());
}

TEST_CASE("every kind in every wrong size is refused, and the right size is not") {
  for (const Bytes& whole : one_of_each()) {
    CHECK(wire::decode(whole, kNames));
    for (std::size_t size = 0; size < whole.size(); ++size) CHECK_FALSE(wire::decode(std::span(whole).first(size), kNames));
    Bytes longer = whole;
    longer.push_back(std::byte{0});
    CHECK_FALSE(wire::decode(longer, kNames));
  }
}

TEST_CASE("a header that lies about its size is refused") {
  for (const Bytes& whole : one_of_each()) {
    for (const int change : {-1, 1}) {
      Bytes lying = whole;
      wire_header head{};
      std::memcpy(&head, lying.data(), sizeof head);
      head.size = static_cast<__u16>(head.size + change);
      std::memcpy(lying.data(), &head, sizeof head);
      CHECK_FALSE(wire::decode(lying, kNames));
    }
  }
}

TEST_CASE("an unknown kind is named") {
  wire_packet record = packet();
  record.header.kind = 9;
  CHECK(why_not(record) == "kind 9 is not known to wire version " + std::to_string(WIRE_VERSION));
  record.header.kind = WIRE_KIND_INVALID;
  CHECK(why_not(record) == "kind 0 is not known to wire version " + std::to_string(WIRE_VERSION));
  CHECK(why_not(std::array<char, 3>{}) == "3 bytes are too short for a record's header");
}

TEST_CASE("numbers that no version of the kernel side writes are named") {
  wire_packet record = packet();
  record.event = 5;
  CHECK(why_not(record) == "packet event 5 is not known");
  record = packet();
  record.subject.leg = 7;
  CHECK(why_not(record) == "leg 7 is not known");
  record = packet();
  record.subject.flow.family = 5;
  CHECK(why_not(record) == "address family 5 is neither 4 nor 6");
  record = packet();
  record.subject.place.device_kind = 99;
  CHECK(why_not(record) == "device kind 99 is not known");
  wire_socket did = socket();
  did.event = 0;
  CHECK(why_not(did) == "socket event 0 is not known");
  wire_drop dropped = drop();
  dropped.gateway_family = 7;
  CHECK(why_not(dropped) == "address family 7 is neither 4 nor 6");
}
