// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "session.hpp"

namespace synfate::cli::test {
namespace {

using synfate::test::bytes_of;
using synfate::test::flow4;
using synfate::test::set_text;

constexpr __u32 kIsn = 2885681011;

wire_place eth0(__u32 netns) {
  wire_place place = synfate::test::place("eth0");
  place.netns = netns;
  return place;
}

bool towards_client(wire_leg leg) { return leg == WIRE_LEG_SYNACK || leg == WIRE_LEG_RESET; }

}  // namespace

std::vector<std::string> FakeSink::words() const {
  std::vector<std::string> result;
  for (const model::Attempt& row : rows) {
    result.push_back(std::to_string(row.id) + "." + std::to_string(row.revision) + " " + std::string(to_string(row.verdict.fate)) + " " +
                     row.verdict.cause + " " + std::string(to_string(row.verdict.packet)));
  }
  return result;
}

wire::KernelNames names() { return {{{2, "NOT_SPECIFIED"}, {8, "NETFILTER_DROP"}, {9, "OTHERHOST"}}, "6.18.0-test"}; }

wire_subject Script::subject(wire_leg leg, __u32 netns) const {
  wire_subject about = synfate::test::subject(leg);
  about.attempt = attempt_;
  about.isn = kIsn;
  about.local_client = 0;
  about.flow = towards_client(leg) ? flow4(96, 80, 17, sport_) : flow4(17, sport_, 96, 80);
  about.place = eth0(netns);
  return about;
}

Bytes Script::flight(double milliseconds, __u32 flags) const {
  wire_attempt record = synfate::test::attempt();
  record.id = attempt_;
  record.isn = kIsn;
  record.flags = flags;
  record.netns = kClientNetns;
  record.first_ns = at(milliseconds);
  record.last_ns = at(milliseconds + 0.05);
  record.header.ts_ns = record.last_ns;
  record.server_isn = 0;
  record.syns = 1;
  record.synacks = 0;
  record.hop_count = 2;
  record.far_netns = kServerNetns;
  record.face_count = 1;
  record.faces[0] = flow4(17, sport_, 96, 80);
  record.faces[1] = {};
  for (__u32 i = 0; i < 2; ++i) {
    wire_hop& hop = record.hops[i];
    hop.ts_ns = at(milliseconds) + i * 50'000;
    hop.tag = static_cast<__u32>(attempt_);
    hop.event = i == 0 ? WIRE_PACKET_XMIT : WIRE_PACKET_RECEIVE;
    hop.leg = WIRE_LEG_SYN;
    hop.face = 0;
    hop.place = eth0(i == 0 ? kClientNetns : kServerNetns);
  }
  return synfate::test::sent(record, 2);
}

Bytes Script::nft_drop(double milliseconds, __u64 location) const {
  wire_drop record = synfate::test::drop();
  record.header.ts_ns = at(milliseconds);
  record.subject = subject(WIRE_LEG_SYN, kServerNetns);
  record.location = location;
  record.route_error = 0;
  record.lookup_error = 0;
  record.hook = 1;
  record.packet_type = 0;
  record.out_ifindex = 0;
  set_text(record.out_device, "");
  return bytes_of(record);
}

Bytes Script::hop(double milliseconds, wire_leg leg, wire_packet_event event, __u32 netns) const {
  wire_packet record = synfate::test::packet();
  record.header.ts_ns = at(milliseconds);
  record.subject = subject(leg, netns);
  record.event = event;
  return bytes_of(record);
}

Bytes Script::socket(double milliseconds, wire_socket_event event, __u32 netns, bool at_server, __u8 before, __u8 after) const {
  wire_socket record = synfate::test::socket();
  record.header.ts_ns = at(milliseconds);
  record.subject = subject(at_server ? WIRE_LEG_ACK : WIRE_LEG_SYN, netns);
  record.subject.place = {};
  record.subject.place.netns = netns;
  record.event = event;
  record.error = 0;
  record.old_state = before;
  record.new_state = after;
  record.at_server = at_server ? 1 : 0;
  return bytes_of(record);
}

Bytes Script::foreign_mac(double milliseconds) const {
  wire_drop record = synfate::test::drop();
  record.header.ts_ns = at(milliseconds);
  record.subject = subject(WIRE_LEG_SYN, kServerNetns);
  record.reason = 9;
  record.hook = WIRE_HOOK_NONE;
  record.packet_type = 3;
  set_text(record.symbol, "ip_rcv_core+0x10/0x400");
  return bytes_of(record);
}

std::vector<Bytes> Script::established(double ms) const {
  return {flight(ms),
          hop(ms + 0.2, WIRE_LEG_SYNACK, WIRE_PACKET_XMIT, kServerNetns),
          hop(ms + 0.3, WIRE_LEG_SYNACK, WIRE_PACKET_RECEIVE, kClientNetns),
          socket(ms + 0.4, WIRE_SOCKET_STATE, kClientNetns, false, 2, 1),
          hop(ms + 0.5, WIRE_LEG_ACK, WIRE_PACKET_XMIT, kClientNetns),
          hop(ms + 0.6, WIRE_LEG_ACK, WIRE_PACKET_RECEIVE, kServerNetns),
          socket(ms + 0.7, WIRE_SOCKET_STATE, kServerNetns, true, 3, 1)};
}

bool feed(Engine& engine, const std::vector<Bytes>& records) {
  bool all = true;
  for (const Bytes& record : records) all &= engine.feed(record);
  return all;
}

}  // namespace synfate::cli::test
