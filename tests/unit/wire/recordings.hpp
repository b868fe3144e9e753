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
  link.bridge_port = model::BridgePort{3, true, true};
  link.addresses = {{*model::parse_ip("10.42.0.17"), 24}, {*model::parse_ip("fd00::17"), 64}};

  model::Netns netns;
  netns.id = 4026532511;
  netns.name = "blue";
  netns.source = "/run/netns/blue";
  netns.host = true;
  netns.example_tgid = 4242;
  netns.example_comm = "pause";
  netns.links = {link, {}};
  netns.fdb = {{3, 2, {1, 2, 3, 4, 5, 6}, true}};
  netns.sysctls = {{"net.ipv4.ip_forward", "0"}, {"net.ipv4.conf.eth\xff.rp_filter", "1"}};
  netns.gaps = {{"fdb_unreadable", "EPERM"}};
  netns.listeners = {{{*model::parse_ip("::"), 443}, 7, 128U, 99, 1000}, {{*model::parse_ip("0.0.0.0"), 80}, 0, {}, 0, 0}};
  netns.listeners_read = true;
  netns.details_read = true;
  netns.gone = true;
  netns.refusing_rules_ipv4 = 3;
  netns.refusing_rules_ipv6 = 1;
  netns.conntrack = model::Conntrack{262144, 262143, true, 1, 2, 3, 4, 5};
  netns.nf_queues = {{101, 4242, 7, 8, 9}};
  netns.nf_queues_read = true;

  model::Inventory inventory;
  inventory.namespaces = {{netns.id, netns}, {4026532617, {}}};
  inventory.namespaces.at(4026532617).id = 4026532617;
  inventory.gaps = {{"netns_unreadable", "one vanished"}};
  inventory.own_netns = 4026531840;
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
