// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Small whole recordings in memory, for tests and fuzz seeds.
#pragma once

#include <string_view>
#include <utility>

#include "records.hpp"
#include "wire/recording.hpp"

namespace synfate::test {

inline wire::RecordingHeader session() {
  wire::RecordingHeader header;
  header.tool_version = "0.1.0";
  header.kernel = {{{2, "NOT_SPECIFIED"}, {8, "NETFILTER_DROP"}}, "6.18.0-test"};
  header.clock.offset_ns = -1'000'000'007;
  header.started_ns = 999;
  header.tier = "2";
  header.gaps = {{"no_fentry", "refused by policy"}};
  header.options = {"trace", "--dst", "10.0.0.0/8", "\xff\x01"};
  header.pid_namespace = 4026531836;
  header.initial_pid_namespace = true;
  return header;
}

/// Every field of every struct differs from its default.
inline model::Inventory machine() {
  model::Link link;
  link.ifindex = 2;
  link.name = "eth\xff\x1b[31m";
  link.kind = "veth";
  link.up = true;
  link.loopback = true;
  link.physical = true;
  link.mtu = 1450;
  link.master_ifindex = 3;
  link.peer_ifindex = 4;
  link.peer_netns = 4026532617;
  link.mac = {0x02, 0x42, 0xac, 0x11, 0x00, 0x0f};
  link.bridge_port = model::BridgePort{3, true, true, true, false};
  link.carrier = false;
  link.vlan_filtering = true;
  link.addresses = {{*model::parse_ip("10.42.0.17"), 24}, {*model::parse_ip("fd00::17"), 64}};
  link.xdp = {{2, 42}};

  model::Netns netns;
  netns.id = 4026532511;
  netns.name = "blue";
  netns.source = "/run/netns/blue";
  netns.host = true;
  netns.example_tgid = 4242;
  netns.example_comm = "pause";
  netns.links = {link, {}};
  netns.fdb = {{3, 2, {1, 2, 3, 4, 5, 6}, true}};
  netns.bridge_vlans = {{2, {{1, 1, true}, {10, 12, false}}}};
  netns.queues = model::Queues{{{2, "pf\xff", 0x70000, 0xffffffff, 3, 4}}, true, {{1, 42, 5}}, 77};
  netns.neighbours = model::Neighbours{{{4, 7, 8, 9}}, {{6, 2, 1000}}, {{2, 0x80, *model::parse_ip("fd00::9"), {1, 2, 3, 4, 5, 7}}}, true};
  netns.sysctls = {{"net.ipv4.ip_forward", "0"}, {"net.ipv4.conf.eth\xff.rp_filter", "1"}};
  netns.gaps = {{"fdb_unreadable", "EPERM"}};
  netns.listeners.resize(2);
  netns.listeners[0].local = {*model::parse_ip("::"), 443};
  netns.listeners[0].queue_length = 7;
  netns.listeners[0].queue_limit = 128;
  netns.listeners[0].inode = 99;
  netns.listeners[0].uid = 1000;
  netns.listeners[1].local = {*model::parse_ip("0.0.0.0"), 80};
  netns.listeners_read = true;
  model::ListenSocket listener = netns.listeners[0];
  listener.bound_ifindex = 3;
  listener.only_ipv6 = true;
  listener.owner_tgid = 4243;
  listener.owner_comm = "nginx\x1b";
  listener.half_open = 5;
  listener.cgroup_id = 77;
  listener.md5_peers = {{*model::parse_ip("10.0.0.0"), 8}};
  listener.drops = 12;
  netns.listen_readings = {{6, 443, {true, 1, 2, 3, 4, 5}, {listener}, true, 9}};
  netns.details_read = true;
  netns.gone = true;
  netns.refusing_rules_ipv4 = 3;
  netns.refusing_rules_ipv6 = 1;
  netns.own_rules_ipv4 = 2;
  netns.own_rules_ipv6 = 0;
  const model::RouteQuestion question{*model::parse_ip("192.0.2.9"), *model::parse_ip("10.0.0.2"), 5, true};
  const model::Neighbour neighbour{4, std::array<std::uint8_t, 6>{2, 0, 0, 0, 0, 9}};
  netns.routes = {{question, "", 1, 24, *model::parse_ip("192.0.2.0"), true, 254, 7, *model::parse_ip("fe80::1"), true, neighbour, 77},
                  {question, "Network is unreachable", 0, 0, {}, false, 0, 0, {}, false, std::nullopt, 0}};
  netns.conntrack = model::Conntrack{262144, 262143, true, 1, 2, 3, 4, 5};
  netns.nf_queues = {{101, 4242, 7, 8, 9}};
  netns.nf_queues_read = true;
  netns.tc_sides = {{2, true, {{"bpf", 1, 2, 3, 42, {"drop"}, {43}, true}}, "half"}};
  netns.xfrm_policies = {
      {2, true, true, 3, 4, *model::parse_ip("10.0.0.0"), 8, *model::parse_ip("10.1.0.0"), 16, 80, 6, 0xff00, 5000, 0xffff, 1, 255, 9, 2}};
  netns.xfrm_policies_read = true;
  netns.xfrm_counters = {{"XfrmInPolBlock", 3}};
  netns.time_wait = {{{*model::parse_ip("10.0.0.1"), 5000}, {*model::parse_ip("10.0.0.2"), 80}}};

  model::Inventory inventory;
  inventory.namespaces = {{netns.id, netns}, {4026532617, {}}};
  inventory.namespaces.at(4026532617).id = 4026532617;
  inventory.gaps = {{"netns_unreadable", "one vanished"}};
  inventory.own_netns = 4026531840;
  inventory.programs[42] = {42, 8, "say_no", "0123456789abcdef", 1000, "/sys/fs/bpf/guard", 7, "agent", true};
  inventory.cgroups[9] = {"/shop/web", {{42, "/shop"}}, {{43, "/shop/web"}}, "half"};
  inventory.scoped = model::ScopedView{{{7, 5}}, {{{8, {*model::parse_ip("10.0.0.9"), 80}}, 6}}, 9};
  inventory.security_modules = "capability,selinux";
  inventory.security_programs = model::SecurityPrograms{{{44, "socket_sock_rcv_skb", true, true}, {45, "", false, false}}, true, 123};
  return inventory;
}

inline wire::Counters counters() {
  wire::Counters counters{};
  for (std::size_t i = 0; i < counters.size(); ++i) counters[i] = wire::counter_name(i).empty() ? 0 : 100 + i;
  return counters;
}

inline wire::ByteSink append_to(Bytes& file) {
  return [&file](std::span<const std::byte> bytes) -> Status {
    file.insert(file.end(), bytes.begin(), bytes.end());
    return Ok{};
  };
}

/// One chunk of every type. Where the chunks end is told in `ends`.
inline Bytes recording(std::vector<std::size_t>* ends = nullptr) {
  Bytes file;
  const auto mark = [&](const auto& result) {
    if (result && ends != nullptr) ends->push_back(file.size());
  };
  auto writer = wire::RecordingWriter::start(append_to(file), session());
  mark(writer);
  mark(writer->inventory(5, machine()));
  mark(writer->record(sent(attempt(), 3)));
  mark(writer->record(bytes_of(drop())));
  mark(writer->notice(6, {model::NoticeLevel::Warning, "lost", "3 events lost"}));
  mark(writer->lost(7, counters()));
  mark(writer->end(8, counters()));
  return file;
}

inline void append_u32(Bytes& out, std::uint32_t number) {
  for (unsigned shift = 0; shift < 32; shift += 8) out.push_back(static_cast<std::byte>(number >> shift & 0xffU));
}

inline void append_text(Bytes& out, std::string_view text) {
  const auto bytes = std::as_bytes(std::span(text));
  out.insert(out.end(), bytes.begin(), bytes.end());
}

inline Bytes chunk(wire::ChunkType type, std::string_view payload) {
  Bytes out;
  append_u32(out, static_cast<std::uint32_t>(type));
  append_u32(out, static_cast<std::uint32_t>(payload.size()));
  append_text(out, payload);
  return out;
}

/// A recording whose header is this JSON, and nothing after it.
inline Bytes recording_with_header(std::string_view json) {
  Bytes file;
  append_text(file, wire::kRecordingMagic);
  const Bytes header = chunk(wire::ChunkType::Header, json);
  file.insert(file.end(), header.begin(), header.end());
  return file;
}

}  // namespace synfate::test
