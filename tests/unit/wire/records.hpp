// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Wire records as the kernel side would make them, for tests and fuzz seeds: valid until a test changes one thing.
#pragma once

#include <cstddef>
#include <cstring>
#include <span>
#include <string_view>
#include <vector>

#include "synfate/wire.h"

namespace synfate::test {

using Bytes = std::vector<std::byte>;

inline constexpr __u64 kAttemptId = 0x1'0000'0007;

template <class Record>
Bytes bytes_of(const Record& record, std::size_t size = sizeof(Record)) {
  const auto all = std::as_bytes(std::span(&record, 1)).first(size);
  return {all.begin(), all.end()};
}

/// No NUL when the text fills the field, as the kernel's own fixed fields may be.
template <std::size_t N>
void set_text(char (&field)[N], std::string_view text) {
  std::memset(field, 0, N);
  std::memcpy(field, text.data(), text.size() < N ? text.size() : N);
}

inline wire_flow flow4(__u8 from, __u16 sport, __u8 to, __u16 dport) {
  wire_flow flow{};
  const __u8 src[4] = {10, 0, 0, from};
  const __u8 dst[4] = {10, 0, 0, to};
  std::memcpy(flow.saddr, src, sizeof src);
  std::memcpy(flow.daddr, dst, sizeof dst);
  flow.sport = sport;
  flow.dport = dport;
  flow.family = 4;
  return flow;
}

inline wire_place place(std::string_view device = "eth0") {
  wire_place where{};
  where.netns = 4026532511;
  where.ifindex = 2;
  where.device_kind = WIRE_DEVICE_VETH;
  set_text(where.device, device);
  return where;
}

template <class Record>
wire_header header(wire_kind kind) {
  wire_header head{};
  head.kind = kind;
  head.size = sizeof(Record);
  head.cpu = 3;
  head.ts_ns = 1'000'000'123;
  return head;
}

inline wire_subject subject(wire_leg leg = WIRE_LEG_SYN) {
  wire_subject about{};
  about.attempt = kAttemptId;
  about.skb = 0xffff888100000000;
  about.isn = 2885681011;
  about.leg = static_cast<__u8>(leg);
  about.local_client = 1;
  about.flow = flow4(17, 43210, 96, 4317);
  about.place = place();
  return about;
}

inline wire_packet packet() {
  wire_packet record{};
  record.header = header<wire_packet>(WIRE_KIND_PACKET);
  record.subject = subject();
  record.event = WIRE_PACKET_RECEIVE;
  return record;
}

inline wire_drop drop() {
  wire_drop record{};
  record.header = header<wire_drop>(WIRE_KIND_DROP);
  record.subject = subject();
  record.location = 0xffffffffc0a413e8;
  record.reason = 8;
  record.route_error = -113;
  record.lookup_error = -101;
  record.lookup_table = 254;
  record.in_ifindex = 2;
  record.out_ifindex = 5;
  record.hook = 2;
  record.hook_family = 2;
  record.gateway_family = 4;
  record.packet_type = 3;
  record.ttl = 63;
  const __u8 gateway[4] = {10, 0, 0, 1};
  std::memcpy(record.gateway, gateway, sizeof gateway);
  record.mac_destination[5] = 0x42;
  record.mac_source[0] = 0x02;
  record.length = 60;
  set_text(record.in_device, "eth0");
  set_text(record.out_device, "cni0");
  set_text(record.symbol, "nft_do_chain+0x3e8/0x5c0 [nf_tables]");
  return record;
}

inline wire_socket socket() {
  wire_socket record{};
  record.header = header<wire_socket>(WIRE_KIND_SOCKET);
  record.subject = subject();
  record.socket = 0xffff888200000000;
  record.event = WIRE_SOCKET_ERROR;
  record.error = 110;
  record.old_state = 2;
  record.new_state = 7;
  record.at_server = 1;
  return record;
}

inline wire_icmp icmp() {
  wire_icmp record{};
  record.header = header<wire_icmp>(WIRE_KIND_ICMP);
  record.subject = subject();
  record.type = 3;
  record.code = 13;
  return record;
}

inline wire_route route() {
  wire_route record{};
  record.header = header<wire_route>(WIRE_KIND_ROUTE);
  record.flow = flow4(0, 0, 99, 80);
  std::memset(record.flow.saddr, 0, sizeof record.flow.saddr);
  record.cgroup_id = 4242;
  record.netns = 4026532511;
  record.tgid = 100;
  record.tid = 101;
  record.table = 254;
  record.error = -101;
  set_text(record.comm, "curl");
  return record;
}

inline wire_neighbour neighbour() {
  wire_neighbour record{};
  record.header = header<wire_neighbour>(WIRE_KIND_NEIGHBOUR);
  record.place = place();
  const __u8 address[4] = {10, 0, 0, 9};
  std::memcpy(record.address, address, sizeof address);
  record.family = 4;
  record.state = 0x20;
  return record;
}

inline wire_receiver receiver() {
  wire_receiver record{};
  record.header = header<wire_receiver>(WIRE_KIND_RECEIVER);
  record.subject = subject();
  record.cgroup_id = 9;
  record.flags = WIRE_RECEIVER_FILTER | WIRE_RECEIVER_PROGRAMS_READ;
  record.filter_id = 41;
  record.ingress_count = 5;
  for (__u32 i = 0; i < WIRE_RECEIVER_PROGRAMS; ++i) record.ingress_id[i] = 42 + i;
  record.state = 10;
  record.min_ttl = 255;
  return record;
}

inline wire_closing closing() {
  wire_closing record{};
  record.header = header<wire_closing>(WIRE_KIND_CLOSING);
  record.subject = subject(WIRE_LEG_ACK);
  record.handshake_ns = 1'000'000'000;
  record.first_ns = 999'000'000;
  record.bytes_received = 14;
  record.client_cgroup_id = 4242;
  record.origin_netns = 4026532511;
  record.client_tgid = 100;
  record.closer_tgid = 42;
  record.at_server = 1;
  record.new_state = 7;
  record.shutdown = 3;
  record.counted = 1;
  set_text(record.client_comm, "curl");
  set_text(record.closer_comm, "postgres");
  record.own = flow4(17, 43210, 9, 4317);
  return record;
}

inline wire_decision decision() {
  wire_decision record{};
  record.header = header<wire_decision>(WIRE_KIND_DECISION);
  record.subject = subject();
  record.inode = 77;
  record.queue_length = 129;
  record.queue_limit = 128;
  record.half_open = 3;
  record.overflows = 1;
  record.drops = 1;
  record.lookup_error = -11;
  return record;
}

/// Two faces (DNAT), three hops: the SYN leaves, the translated SYN arrives, its SYN-ACK comes back.
inline wire_attempt attempt() {
  wire_attempt record{};
  record.id = kAttemptId;
  record.first_ns = 1'000;
  record.last_ns = 3'000;
  record.cgroup_id = 4242;
  record.last_skb = 0xffff888100000000;
  record.isn = 2885681011;
  record.server_isn = 77;
  record.flags = WIRE_ATTEMPT_LOCAL_CLIENT | WIRE_ATTEMPT_OWNER | WIRE_ATTEMPT_STREAMED;
  record.netns = 4026532511;
  record.tgid = 100;
  record.tid = 101;
  record.hop_count = 3;
  record.far_netns = 4026532617;
  record.far_ifindex = 3;
  record.far_event = WIRE_PACKET_RECEIVE;
  record.syns = 2;
  record.synacks = 1;
  record.face_count = 2;
  record.syn_retries = 3;
  record.user_timeout_ms = 20'000;
  set_text(record.comm, "python3");
  record.faces[0] = flow4(17, 43210, 96, 4317);
  record.faces[1] = flow4(17, 43210, 9, 4317);
  for (__u8 i = 0; i < 3; ++i) {
    wire_hop& hop = record.hops[i];
    hop.ts_ns = 1'000 * (i + 1U);
    hop.tag = static_cast<__u32>(kAttemptId);
    hop.event = i == 0 ? WIRE_PACKET_XMIT : WIRE_PACKET_RECEIVE;
    hop.leg = i == 2 ? WIRE_LEG_SYNACK : WIRE_LEG_SYN;
    hop.face = i == 0 ? 0 : 1;
    hop.place = place(i == 0 ? "eth0" : "veth5c2a");
  }
  record.header = header<wire_attempt>(WIRE_KIND_ATTEMPT);
  return record;
}

/// As submitted: only the first `hops` of it, with the size to match.
inline Bytes sent(wire_attempt record, std::size_t hops) {
  const std::size_t size = offsetof(wire_attempt, hops) + hops * sizeof(wire_hop);
  record.header.size = static_cast<__u16>(size);
  return bytes_of(record, size);
}

/// One of each kind.
inline std::vector<Bytes> one_of_each() {
  return {sent(attempt(), 3), bytes_of(packet()),    bytes_of(drop()),     bytes_of(socket()),  bytes_of(icmp()),
          bytes_of(route()),  bytes_of(neighbour()), bytes_of(receiver()), bytes_of(closing()), bytes_of(decision())};
}

}  // namespace synfate::test
