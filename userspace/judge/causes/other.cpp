// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// other: something decided, and no cause above is proved. The kernel's own words, and no explanation of them.
#include <array>

#include "judge/answers.hpp"
#include "judge/bridges.hpp"
#include "judge/cause_table.hpp"
#include "judge/refusals.hpp"
#include "judge/words.hpp"

namespace synfate::judge {
namespace {

using model::Drop;
using model::Event;
using model::Leg;
using model::Stage;

constexpr int kConnectionRefused = 111;

struct FunctionStage {
  std::string_view function;
  Stage stage;
};

/// Only functions that belong to one stage.
constexpr std::array<FunctionStage, 15> kStages{{
    {"tcp_v4_rcv", Stage::Socket},
    {"tcp_v6_rcv", Stage::Socket},
    {"tcp_v4_do_rcv", Stage::Socket},
    {"tcp_v6_do_rcv", Stage::Socket},
    {"tcp_rcv_state_process", Stage::Socket},
    {"ip_forward", Stage::Forward},
    {"ip6_forward", Stage::Forward},
    {"ip_rcv_finish_core", Stage::RouteIn},
    {"ip_error", Stage::RouteIn},
    {"__ip_queue_xmit", Stage::LocalOut},
    {"__ip_local_out", Stage::LocalOut},
    {"neigh_invalidate", Stage::Neighbour},
    {"__neigh_event_send", Stage::Neighbour},
    {"enqueue_to_backlog", Stage::Device},
    {"veth_xmit", Stage::Device},
}};

Stage stage_of(std::string_view function) {
  for (const FunctionStage& one : kStages) {
    if (one.function == function) return one.stage;
  }
  return function.starts_with("br_") || function.starts_with("__br_") ? Stage::Bridge : Stage::None;
}

/// What is known around a drop that has no name, without calling it the cause.
void add_circumstances(const Case& kase, Finding& finding) {
  const Event& event = *kase.drop_event();
  const Drop& drop = *kase.drop();
  const model::Link* link = kase.link(event.place);
  if (finding.where.stage == Stage::Bridge && link != nullptr && link->bridge_port) {
    finding.evidence.push_back("bridge port " + clean(link->name) + " is " + std::string(port_state_word(link->bridge_port->state)) +
                               (link->bridge_port->hairpin ? ", hairpin on" : ", hairpin off") +
                               (link->bridge_port->isolated ? ", isolated" : ""));
  }
  if (link != nullptr && !link->up) finding.evidence.push_back(clean(link->name) + " was down when the inventory was read");
  if (drop.symbol.function == "ip_error") {
    finding.evidence.push_back(
        "ip_error frees packets for blackhole, unreachable, prohibit and missing routes and where forwarding is off; "
        "the route's error was not recovered, so which of them is not determined");
  }
  if (drop.symbol.function == "dst_discard" || drop.symbol.function == "dst_discard_out") {
    finding.evidence.push_back("a discarding route: a blackhole, or one whose device is going away; which is not determined");
  }
  if (drop.reason == "NO_SOCKET" && event.leg != Leg::Syn) {
    finding.evidence.push_back("the socket of this attempt no longer existed when its " + std::string(packet_word(event.leg)) + " arrived");
  }
}

std::optional<Finding> from_drop(const Case& kase) {
  if (kase.drop() == nullptr) return std::nullopt;
  const Event& event = *kase.drop_event();
  const Drop& drop = *kase.drop();
  Finding finding = finding_about_drop(kase, stage_of(drop.symbol.function));
  finding.summary = "in " + function_words(drop) + " (" + reason_words(drop) + ")";
  if (const auto icmp = icmp_error_at(kase, event)) {
    finding.fate = model::Fate::Refused;
    finding.evidence.push_back(icmp->words);
  } else if (const auto reset = tcp_reset_from(kase, event)) {
    finding.fate = model::Fate::Refused;
    finding.evidence.push_back(reset->words);
  }
  add_circumstances(kase, finding);
  finding.next = in_netns(kase, event.place.netns,
                          event.place.device.empty() ? "nstat -asz" : "ip -s link show dev " + shell_word(event.place.device));
  return finding;
}

bool is_answer(const Event& event) {
  if (const auto* socket = event.get<model::SocketEvent>()) return socket->kind == model::SocketEventKind::ResetSent;
  if (event.get<model::IcmpSent>() != nullptr) return true;
  return (event.leg == Leg::Reset || event.leg == Leg::IcmpError) && event.get<model::Hop>() != nullptr;
}

/// The first trace of an answer that no later SYN has outlived; TCP's own record of it before all others.
const Event* last_word(const Case& kase) {
  const Event* syn = kase.last_hop(Leg::Syn);
  const Event* first = nullptr;
  for (const Event& event : kase.journey().events) {
    if (!is_answer(event) || (syn != nullptr && syn->time_ns > event.time_ns + kSameRound)) continue;
    if (event.get<model::SocketEvent>() != nullptr) return &event;
    if (first == nullptr) first = &event;
  }
  return first;
}

std::optional<Finding> from_answer(const Case& kase) {
  const Event* origin = last_word(kase);
  const bool by_tcp = origin != nullptr && origin->get<model::SocketEvent>() != nullptr;
  const Event* received = kase.socket_event(model::SocketEventKind::ResetReceived);
  const bool refused = received != nullptr || kase.client_error(kConnectionRefused);
  if (origin == nullptr && !refused) return std::nullopt;
  Finding finding;
  finding.fate = model::Fate::Refused;
  finding.packet = Leg::Syn;
  finding.basis = Basis::Absence;
  if (origin == nullptr) {
    finding.summary = "the client was refused; who answered was not seen";
    finding.evidence.push_back(received != nullptr ? "the client's socket received a RST" : "the client's socket got ECONNREFUSED");
    finding.doubts.push_back("where the answer was made was not seen");
    return finding;
  }
  const bool is_icmp = origin->leg == Leg::IcmpError || origin->get<model::IcmpSent>() != nullptr;
  const std::string what = is_icmp ? "an ICMP error" : "a RST";
  finding.where.netns = origin->place.netns;
  finding.where.device = origin->place.device;
  if (by_tcp) finding.where.stage = Stage::Socket;
  finding.summary = what + " from " + netns_words(kase, origin->place.netns) + " on this node";
  finding.evidence.push_back(what + " was first seen at " + place_words(kase, origin->place));
  finding.doubts.push_back("no drop was seen that it answers, so why it was sent is not determined");
  finding.next = in_netns(kase, origin->place.netns, "nstat -asz 'TcpExt*' 'Tcp*'");
  return finding;
}

std::optional<Finding> from_failed_connect(const Case& kase) {
  if (kase.journey().sent_a_syn) return std::nullopt;
  for (const Event& event : kase.journey().events) {
    const auto* failure = event.get<model::RouteFailure>();
    if (failure == nullptr) continue;
    Finding finding;
    finding.fate = model::Fate::Refused;
    finding.where.netns = event.place.netns;
    finding.where.stage = Stage::LocalOut;
    finding.summary = "no route was found or allowed: no SYN was sent";
    finding.evidence.push_back("connect() in " + netns_words(kase, event.place.netns) + " failed before a SYN was made");
    finding.evidence.push_back("the last route lookup, in table " + std::to_string(failure->table) + ", gave " +
                               errno_word(failure->error));
    finding.doubts.push_back(
        "no later table was asked: an ip rule (prohibit, unreachable, blackhole) that refuses, and rules that lead to no further table, "
        "look the same");
    finding.next = in_netns(kase, event.place.netns, ip_command(event.flow) + " rule");
    return finding;
  }
  return std::nullopt;
}

/// A listener's own refusal that no queue, no security module and no route explains.
std::optional<Finding> from_refusal(const Case& kase) {
  const auto refusal = refusal_of(kase);
  if (!refusal) return std::nullopt;
  Finding finding = finding_about_refusal(kase, *refusal);
  finding.summary = "by the listener " + refuser_words(*refusal) + ", for no queue";
  // What tcp_conn_request() asks besides is counted nowhere.
  finding.ceiling = model::Confidence::Strong;
  finding.evidence.push_back("no queue of it was full: what is left is memory, the route back to " +
                             to_string(refusal->event->flow.src.address) + ", an IPsec policy that blocks the answer, or MPTCP");
  if (!refusal->in_reserve) {
    finding.doubts.emplace_back("what the kernel keeps of net.ipv4.tcp_max_syn_backlog for peers that it knows may have been reached");
  }
  if (refusal->decision->lookup_error != 0) {
    finding.evidence.push_back("a look-up for that address gave " + errno_word(refusal->decision->lookup_error) +
                               " meanwhile; a later table may have had the route");
  }
  finding.next = in_netns(kase, refusal->event->place.netns,
                          ip_command(refusal->event->flow) + " route get " + to_string(refusal->event->flow.src.address));
  return finding;
}

}  // namespace

std::optional<Finding> match_other(const Case& kase) {
  if (auto finding = from_drop(kase)) return finding;
  if (auto finding = from_refusal(kase)) return finding;
  if (auto finding = from_failed_connect(kase)) return finding;
  return from_answer(kase);
}

}  // namespace synfate::judge
