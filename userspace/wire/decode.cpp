// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "wire/decode.hpp"

#include <algorithm>
#include <cstring>

#include "wire/flight.hpp"
#include "wire/layout.hpp"
#include "wire/symbol.hpp"

namespace synfate::wire {
namespace {

Result<StreamedEvent> to_streamed(const wire_header& header, const wire_subject& subject) {
  auto leg = to_leg(subject.leg);
  if (!leg) return std::move(leg).error();
  auto flow = to_flow(subject.flow);
  if (!flow) return std::move(flow).error();
  auto place = to_place(subject.place);
  if (!place) return std::move(place).error();

  StreamedEvent streamed;
  streamed.attempt = subject.attempt;
  streamed.isn = subject.isn;
  streamed.local_client = subject.local_client != 0;
  streamed.event.time_ns = header.ts_ns;
  streamed.event.cpu = header.cpu;
  streamed.event.leg = *leg;
  streamed.event.skb = subject.skb;
  streamed.event.flow = *flow;
  streamed.event.place = std::move(*place);
  return streamed;
}

Result<model::Observation> observe(const wire_packet& record, const KernelNames&) {
  auto kind = to_hop_kind(record.event);
  if (!kind) return std::move(kind).error();
  const bool icmp = record.subject.leg == WIRE_LEG_ICMP;
  return model::Observation{model::Hop{*kind, icmp ? record.icmp_type : __u8{0}, icmp ? record.icmp_code : __u8{0}}};
}

Result<model::Observation> observe(const wire_drop& record, const KernelNames& names) {
  model::Drop drop;
  drop.reason_number = record.reason;
  drop.reason = drop_reason_name(names, record.reason);
  drop.symbol = parse_symbol(field_text(record.symbol), record.location, sizeof record.symbol);
  drop.has_hook = record.hook != WIRE_HOOK_NONE;
  if (drop.has_hook) {
    drop.hook = {record.hook,        record.hook_family,           record.in_ifindex,
                 record.out_ifindex, field_text(record.in_device), field_text(record.out_device)};
  }
  drop.route_error = record.route_error;
  drop.lookup_error = record.lookup_error;
  drop.lookup_table = record.lookup_table;
  auto gateway = to_address(record.gateway_family, record.gateway);
  if (!gateway) return std::move(gateway).error();
  drop.gateway = *gateway;
  drop.packet_type = record.packet_type;
  drop.ttl = record.ttl;
  drop.length_bytes = record.length;
  std::copy(std::begin(record.mac_destination), std::end(record.mac_destination), drop.mac_destination.begin());
  std::copy(std::begin(record.mac_source), std::end(record.mac_source), drop.mac_source.begin());
  return model::Observation{std::move(drop)};
}

Result<model::SocketEventKind> to_socket_kind(std::uint32_t event) {
  switch (event) {
    case WIRE_SOCKET_STATE: return model::SocketEventKind::State;
    case WIRE_SOCKET_RETRANSMIT: return model::SocketEventKind::Retransmit;
    case WIRE_SOCKET_SYNACK_RETRANSMIT: return model::SocketEventKind::SynAckRetransmit;
    case WIRE_SOCKET_ERROR: return model::SocketEventKind::Error;
    case WIRE_SOCKET_RESET_SENT: return model::SocketEventKind::ResetSent;
    case WIRE_SOCKET_RESET_RECEIVED: return model::SocketEventKind::ResetReceived;
    case WIRE_SOCKET_STALE: return model::SocketEventKind::Stale;
    case WIRE_SOCKET_PASSED: return model::SocketEventKind::Passed;
    default: return bad_record("socket event " + std::to_string(event) + " is not known");
  }
}

Result<model::Observation> observe(const wire_socket& record, const KernelNames&) {
  auto kind = to_socket_kind(record.event);
  if (!kind) return std::move(kind).error();
  return model::Observation{model::SocketEvent{*kind, record.error, record.old_state, record.new_state, record.at_server != 0}};
}

Result<model::Observation> observe(const wire_icmp& record, const KernelNames&) {
  if (record.type > 0xff || record.code > 0xff) {
    return bad_record("ICMP type " + std::to_string(record.type) + " code " + std::to_string(record.code));
  }
  return model::Observation{model::IcmpSent{static_cast<std::uint8_t>(record.type), static_cast<std::uint8_t>(record.code)}};
}

template <class Record>
Result<Decoded> decode_streamed(std::span<const std::byte> bytes, std::string_view name, const KernelNames& names) {
  const auto record = read_exact<Record>(bytes, name);
  if (!record) return record.error();
  auto streamed = to_streamed(record->header, record->subject);
  if (!streamed) return std::move(streamed).error();
  auto what = observe(*record, names);
  if (!what) return std::move(what).error();
  streamed->event.what = std::move(*what);
  return Decoded{std::move(*streamed)};
}

Result<Decoded> decode_route(std::span<const std::byte> bytes) {
  const auto record = read_exact<wire_route>(bytes, "route");
  if (!record) return record.error();
  auto flow = to_flow(record->flow);
  if (!flow) return std::move(flow).error();
  RouteFailureRecord failure;
  failure.flow = *flow;
  failure.process = {record->tgid, record->tid, record->cgroup_id, field_text(record->comm)};
  failure.netns = record->netns;
  failure.failure = {record->error, record->table};
  failure.time_ns = record->header.ts_ns;
  failure.cpu = record->header.cpu;
  return Decoded{std::move(failure)};
}

Result<Decoded> decode_neighbour(std::span<const std::byte> bytes) {
  constexpr unsigned kIncomplete = 0x01;
  constexpr unsigned kFailed = 0x20;
  const auto record = read_exact<wire_neighbour>(bytes, "neighbour");
  if (!record) return record.error();
  auto place = to_place(record->place);
  if (!place) return std::move(place).error();
  auto address = to_address(record->family, record->address);
  if (!address) return std::move(address).error();
  if (!*address) return bad_record("neighbour without an address");
  // A resolved neighbour shown as unresolved would be blamed for a drop. State 0 is an entry whose first request is not out yet.
  if (record->state != 0 && (record->state & (kIncomplete | kFailed)) == 0) {
    return bad_record("neighbour in state " + std::to_string(record->state) + " is not an unresolved one");
  }
  return Decoded{model::NeighbourEvent{record->header.ts_ns, std::move(*place), *address, (record->state & kFailed) != 0}};
}

}  // namespace

Result<Decoded> decode(std::span<const std::byte> record, const KernelNames& names) {
  wire_header header;
  if (record.size() < sizeof header) return bad_record(std::to_string(record.size()) + " bytes are too short for a record's header");
  std::memcpy(&header, record.data(), sizeof header);
  switch (header.kind) {
    case WIRE_KIND_ATTEMPT: {
      auto flight = decode_flight(record);
      if (!flight) return std::move(flight).error();
      return Decoded{std::move(*flight)};
    }
    case WIRE_KIND_PACKET: return decode_streamed<wire_packet>(record, "packet", names);
    case WIRE_KIND_DROP: return decode_streamed<wire_drop>(record, "drop", names);
    case WIRE_KIND_SOCKET: return decode_streamed<wire_socket>(record, "socket", names);
    case WIRE_KIND_ICMP: return decode_streamed<wire_icmp>(record, "ICMP", names);
    case WIRE_KIND_ROUTE: return decode_route(record);
    case WIRE_KIND_NEIGHBOUR: return decode_neighbour(record);
    default: return bad_record("kind " + std::to_string(header.kind) + " is not known to wire version " + std::to_string(WIRE_VERSION));
  }
}

}  // namespace synfate::wire
