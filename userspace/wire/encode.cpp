// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "wire/encode.hpp"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <string>

#include "synfate/wire.h"

namespace synfate::wire {
namespace {

/// The rest of the record is zero already; the last byte stays so.
template <std::size_t N>
void put_text(char (&field)[N], const std::string& text) {
  std::copy_n(text.begin(), std::min(text.size(), N - 1), field);
}

__u8 to_wire(model::HookVerdict::How how) {
  switch (how) {
    case model::HookVerdict::How::Stack: return WIRE_HOW_STACK;
    case model::HookVerdict::How::Fentry: return WIRE_HOW_FENTRY;
    case model::HookVerdict::How::Counters: return WIRE_HOW_COUNTERS;
    case model::HookVerdict::How::NfTrace: return WIRE_HOW_NFTRACE;
  }
  return WIRE_HOW_NFTRACE;
}

__u8 to_wire(model::RuleKey::Kind kind) {
  switch (kind) {
    case model::RuleKey::Kind::None: return WIRE_RULE_NONE;
    case model::RuleKey::Kind::NftRule: return WIRE_RULE_NFT;
    case model::RuleKey::Kind::NftPolicy: return WIRE_RULE_NFT_POLICY;
    case model::RuleKey::Kind::XtRule: return WIRE_RULE_XT;
  }
  return WIRE_RULE_NONE;
}

__u8 to_wire(model::HookVerdict::Outcome outcome) {
  switch (outcome) {
    case model::HookVerdict::Outcome::Drop: return WIRE_OUTCOME_DROP;
    case model::HookVerdict::Outcome::Accept: return WIRE_OUTCOME_ACCEPT;
    case model::HookVerdict::Outcome::Jump: return WIRE_OUTCOME_JUMP;
    case model::HookVerdict::Outcome::Goto: return WIRE_OUTCOME_GOTO;
    case model::HookVerdict::Outcome::Return: return WIRE_OUTCOME_RETURN;
    case model::HookVerdict::Outcome::Continue: return WIRE_OUTCOME_CONTINUE;
    case model::HookVerdict::Outcome::Other: return WIRE_OUTCOME_OTHER;
  }
  return WIRE_OUTCOME_OTHER;
}

__u8 to_wire(model::Leg leg) {
  switch (leg) {
    case model::Leg::None: return WIRE_LEG_NONE;
    case model::Leg::Syn: return WIRE_LEG_SYN;
    case model::Leg::SynAck: return WIRE_LEG_SYNACK;
    case model::Leg::Ack: return WIRE_LEG_ACK;
    case model::Leg::Reset: return WIRE_LEG_RESET;
    case model::Leg::ClientReset: return WIRE_LEG_CLIENT_RESET;
    case model::Leg::IcmpError: return WIRE_LEG_ICMP;
  }
  return WIRE_LEG_NONE;
}

void put_flow(wire_flow& field, const model::Flow& flow) {
  std::copy(flow.src.address.bytes.begin(), flow.src.address.bytes.end(), field.saddr);
  std::copy(flow.dst.address.bytes.begin(), flow.dst.address.bytes.end(), field.daddr);
  field.sport = flow.src.port;
  field.dport = flow.dst.port;
  field.family = flow.family();
}

void put_rule(wire_verdict& record, const model::RuleKey& rule) {
  record.kind = to_wire(rule.kind);
  record.family = rule.family;
  record.table_handle = rule.table_handle;
  record.chain_handle = rule.chain_handle;
  record.handle = rule.handle;
  record.number = rule.number;
  record.generation = rule.generation;
  record.offset = rule.offset;
  put_text(record.table, rule.table);
  put_text(record.chain, rule.chain);
}

}  // namespace

std::optional<std::vector<std::byte>> encode_verdict(const model::StreamedEvent& streamed) {
  const auto* verdict = streamed.event.get<model::HookVerdict>();
  if (verdict == nullptr) return std::nullopt;
  wire_verdict record{};
  record.header = {WIRE_KIND_VERDICT, sizeof record, streamed.event.cpu, streamed.event.time_ns};
  record.subject.attempt = streamed.attempt;
  record.subject.skb = streamed.event.skb;
  record.subject.isn = streamed.isn;
  record.subject.leg = to_wire(streamed.event.leg);
  record.subject.local_client = streamed.local_client ? 1 : 0;
  put_flow(record.subject.flow, streamed.event.flow);
  record.subject.place.netns = streamed.event.place.netns;
  record.subject.place.ifindex = streamed.event.place.ifindex;
  put_text(record.subject.place.device, streamed.event.place.device);
  record.how = to_wire(verdict->how);
  record.outcome = to_wire(verdict->outcome);
  record.proof = verdict->proof;
  record.ruleset = verdict->ruleset;
  put_text(record.expression, verdict->expression);
  put_text(record.target, verdict->target);
  put_rule(record, verdict->rule);
  std::vector<std::byte> bytes(sizeof record);
  std::memcpy(bytes.data(), &record, sizeof record);
  return bytes;
}

}  // namespace synfate::wire
