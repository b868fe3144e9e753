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
  return model::Observation{
      model::Hop{*kind, icmp ? record.icmp_type : __u8{0}, icmp ? record.icmp_code : __u8{0}, record.event == WIRE_PACKET_QUEUE}};
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
  drop.context_tgid = record.context_tgid;
  drop.context_comm = field_text(record.context_comm);
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

Result<model::HookVerdict::How> to_how(std::uint8_t how) {
  switch (how) {
    case WIRE_HOW_STACK: return model::HookVerdict::How::Stack;
    case WIRE_HOW_FENTRY: return model::HookVerdict::How::Fentry;
    case WIRE_HOW_COUNTERS: return model::HookVerdict::How::Counters;
    case WIRE_HOW_NFTRACE: return model::HookVerdict::How::NfTrace;
    default: return bad_record("verdict known by " + std::to_string(how) + ", which is no way that is known");
  }
}

Result<model::RuleKey::Kind> to_rule_kind(std::uint8_t kind) {
  switch (kind) {
    case WIRE_RULE_NONE: return model::RuleKey::Kind::None;
    case WIRE_RULE_NFT: return model::RuleKey::Kind::NftRule;
    case WIRE_RULE_NFT_POLICY: return model::RuleKey::Kind::NftPolicy;
    case WIRE_RULE_XT: return model::RuleKey::Kind::XtRule;
    default: return bad_record("rule of kind " + std::to_string(kind) + " is not known");
  }
}

Result<model::HookVerdict::Outcome> to_outcome(std::uint8_t outcome) {
  if (outcome > WIRE_OUTCOME_OTHER) return bad_record("verdict " + std::to_string(outcome) + " is not known");
  return static_cast<model::HookVerdict::Outcome>(outcome);
}

std::string doubt_text(std::uint8_t doubt) {
  switch (doubt) {
    case WIRE_DOUBT_NONE: return "";
    case WIRE_DOUBT_NOT_CALIBRATED: return "where this kernel keeps the rule that it is at has not been learnt";
    case WIRE_DOUBT_UNKNOWN_SITE: return "it was freed at a place in the kernel that the calibration never saw";
    case WIRE_DOUBT_UNREADABLE: return "the kernel's stack did not have the shape that was learnt";
    case WIRE_DOUBT_NO_RULE:
      return "what the kernel was at is in no rule that was searched: the ruleset was being replaced, or it is of no table of this hook";
    case WIRE_DOUBT_NOT_FINAL: return "the expression found cannot give such a verdict";
    case WIRE_DOUBT_SEVERAL: return "more than one rule or policy of this hook fits";
    case WIRE_DOUBT_TOO_MANY: return "there are more chains or rules than are searched";
    case WIRE_DOUBT_DISAGREE: return "two ways to tell gave two different rules";
    case WIRE_DOUBT_NO_COUNTER: return "no rule's counter moved by exactly this packet";
    case WIRE_DOUBT_REPLACED: return "the table was replaced while the packet was in it";
    case WIRE_DOUBT_BUDGET: return "packets were dropped faster by more rules than synfate allows itself to search for";
    case WIRE_DOUBT_OLD_KERNEL: return "this kernel keeps its rules in a way that is not read (before Linux 5.17)";
    default: return "the kernel side gave reason " + std::to_string(doubt) + ", which this version does not know";
  }
}

Result<model::Observation> observe(const wire_verdict& record, const KernelNames&) {
  model::HookVerdict verdict;
  auto how = to_how(record.how);
  if (!how) return std::move(how).error();
  auto kind = to_rule_kind(record.kind);
  if (!kind) return std::move(kind).error();
  auto outcome = to_outcome(record.outcome);
  if (!outcome) return std::move(outcome).error();
  verdict.how = *how;
  verdict.outcome = *outcome;
  verdict.target = field_text(record.target);
  if (record.entry_count != 0) {
    const model::Symbol symbol = parse_symbol(field_text(record.symbol), 0, sizeof record.symbol);
    model::HookEntry entry{record.entry_index, record.entry_count,          symbol.function,    symbol.module,
                           std::nullopt,       field_text(record.xt_table), record.table_handle};
    if (record.has_priority != 0) entry.priority = record.priority;
    verdict.entry = std::move(entry);
  }
  verdict.doubt = doubt_text(record.doubt);
  verdict.expression = field_text(record.expression);
  verdict.proof = record.proof;
  verdict.ruleset = record.ruleset;
  if (*kind == model::RuleKey::Kind::None) return model::Observation{std::move(verdict)};
  verdict.rule = {
      *kind,         record.family, field_text(record.table), record.table_handle, field_text(record.chain), record.chain_handle,
      record.handle, record.number, record.generation,        record.offset};
  return model::Observation{std::move(verdict)};
}

Result<model::Observation> observe(const wire_receiver& record, const KernelNames&) {
  model::Receiver receiver;
  receiver.state = record.state;
  receiver.min_ttl = record.min_ttl;
  receiver.has_filter = (record.flags & WIRE_RECEIVER_FILTER) != 0;
  receiver.filter_id = record.filter_id;
  receiver.cgroup_id = record.cgroup_id;
  receiver.programs_read = (record.flags & WIRE_RECEIVER_PROGRAMS_READ) != 0;
  receiver.ingress_count = record.ingress_count;
  const std::uint32_t listed = std::min<std::uint32_t>(record.ingress_count, WIRE_RECEIVER_PROGRAMS);
  receiver.ingress_programs.assign(record.ingress_id, record.ingress_id + listed);
  return model::Observation{std::move(receiver)};
}

Result<model::Observation> observe(const wire_decision& record, const KernelNames&) {
  model::Decision decision;
  decision.inode = record.inode;
  decision.queue_length = record.queue_length;
  decision.queue_limit = record.queue_limit;
  decision.half_open = record.half_open;
  decision.overflows = record.overflows;
  decision.drops = record.drops;
  decision.syn_queue_full = record.syn_queue_full;
  decision.cookies_sent = record.cookies_sent;
  decision.security_error = record.security_error;
  decision.lookup_error = record.lookup_error;
  return model::Observation{decision};
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

Result<Decoded> decode_closing(std::span<const std::byte> bytes) {
  const auto record = read_exact<wire_closing>(bytes, "closing");
  if (!record) return record.error();
  auto streamed = to_streamed(record->header, record->subject);
  if (!streamed) return std::move(streamed).error();
  auto own = to_flow(record->own);
  if (!own) return std::move(own).error();
  // 8: CLOSE_WAIT, 4: FIN_WAIT1, 7: CLOSE.
  if (record->new_state != 4 && record->new_state != 7 && record->new_state != 8) {
    return bad_record("an established connection went to state " + std::to_string(record->new_state));
  }
  model::Closing closing;
  closing.at_server = record->at_server != 0;
  closing.new_state = record->new_state;
  closing.shutdown = record->shutdown;
  closing.error = record->error;
  closing.handshake_ns = record->handshake_ns;
  closing.bytes_sent = record->bytes_sent;
  closing.bytes_received = record->bytes_received;
  closing.closer_tgid = record->closer_tgid;
  closing.closer_cgroup_id = record->closer_cgroup_id;
  closing.closer_comm = field_text(record->closer_comm);
  model::ClosingRecord decoded;
  decoded.streamed = std::move(*streamed);
  decoded.streamed.event.what = std::move(closing);
  decoded.own = *own;
  decoded.first_ns = record->first_ns;
  decoded.origin_netns = record->origin_netns;
  decoded.client = {record->client_tgid, record->client_tid, record->client_cgroup_id, field_text(record->client_comm)};
  decoded.counted = record->counted != 0;
  return Decoded{std::move(decoded)};
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
    case WIRE_KIND_VERDICT: return decode_streamed<wire_verdict>(record, "verdict", names);
    case WIRE_KIND_RECEIVER: return decode_streamed<wire_receiver>(record, "receiver", names);
    case WIRE_KIND_DECISION: return decode_streamed<wire_decision>(record, "decision", names);
    case WIRE_KIND_CLOSING: return decode_closing(record);
    case WIRE_KIND_ROUTE: return decode_route(record);
    case WIRE_KIND_NEIGHBOUR: return decode_neighbour(record);
    default: return bad_record("kind " + std::to_string(header.kind) + " is not known to wire version " + std::to_string(WIRE_VERSION));
  }
}

}  // namespace synfate::wire
