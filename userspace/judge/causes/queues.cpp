// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// accept_queue_full, syn_queue_full. A listener that refuses a SYN fires no drop event on any kernel (tcp_rcv_state_process() consumes the
// packet whatever tcp_conn_request() did with it): what tells it is that the SYN arrived and nothing answered, that a queue is full, and
// that the counters of that very refusal moved at least as often as SYNs of this attempt arrived. Where functions can be traced, the one
// that decides tells by itself. The final ACK that finds no room is a
// drop, from 6.18 on with a reason of its own.
#include <algorithm>

#include "base/text.hpp"
#include "judge/answers.hpp"
#include "judge/cause_table.hpp"
#include "judge/listeners.hpp"
#include "judge/refusals.hpp"
#include "judge/words.hpp"

namespace synfate::judge {
namespace {

using model::Event;
using model::Leg;
using model::ListenSocket;
using model::SocketEvent;
using model::SocketEventKind;
using model::Stage;

constexpr std::string_view kOverflow = "TCP_LISTEN_OVERFLOW";

std::string number_words(std::uint64_t number) { return std::to_string(number); }

/// "129 connections wait for accept(), limit 128 (net.core.somaxconn; listen() asked for as much or more)".
std::string depth_words(const Case& kase, const Queues& queues, const ListenSocket& socket) {
  const std::string waiting =
      count_words(socket.queue_length, "connection") + (socket.queue_length == 1 ? " waits" : " wait") + " for accept()";
  if (!socket.queue_limit) return waiting + ", the limit could not be read";
  const std::string limit = waiting + ", limit " + number_words(*socket.queue_limit);
  const auto most = kase.sysctl(queues.netns->id, "net.core.somaxconn");
  if (!most) return limit;
  if (*most == number_words(*socket.queue_limit)) return limit + " (net.core.somaxconn; listen() asked for as much or more)";
  return limit + " (the backlog that listen() asked for; net.core.somaxconn is " + clean(*most) + ")";
}

std::string moved_words(const char* counter, std::uint64_t by, const Queues& queues, std::string_view packet) {
  const Movement& moved = *queues.moved;
  std::string words = std::string(counter) + " moved by " + number_words(by) + " in " + duration_words(moved.span_ns);
  if (moved.own_drops) words += ", the listener's own refusals by " + number_words(*moved.own_drops);
  return words + "; this attempt's " + std::string(packet) +
         (moved.arrivals == 1 ? "s that arrived meanwhile: 1" : "s that arrived meanwhile: ") +
         (moved.arrivals == 1 ? "" : number_words(moved.arrivals));
}

void look_at_process(const Case& kase, const Queues& queues, Finding& finding) {
  const std::string port = std::to_string(queues.arrived->flow.dst.port);
  finding.next = in_netns(kase, queues.netns->id, "ss -Hltnp 'sport = :" + port + "'");
  if (queues.listener->owner_tgid != 0) {
    finding.next += "; grep -H . /proc/" + std::to_string(queues.listener->owner_tgid) + "/task/*/wchan";
  }
}

/// What every claim about a listener's queue has to admit.
void doubt_listener(const Queues& queues, Finding& finding) {
  if (!queues.last->complete) finding.doubts.push_back("not all listeners on the port could be read");
  if (queues.group > 1 && !queues.own_refusals && queues.group_full < queues.group) {
    finding.doubts.push_back(number_words(queues.group) + " sockets listen there (SO_REUSEPORT) and " + number_words(queues.group_full) +
                             " of them are full: which one the kernel chose is not known");
  }
}

Finding refused_syn(const Case& kase, const Queues& queues) {
  Finding finding;
  finding.packet = Leg::Syn;
  finding.basis = Basis::Absence;
  finding.ceiling = model::Confidence::Strong;
  finding.where.netns = queues.arrived->place.netns;
  finding.where.device = queues.arrived->place.device;
  finding.where.stage = Stage::Socket;
  finding.evidence.push_back(netns_words(kase, queues.netns->id) +
                             " received the SYN for its own address, and TCP consumed it without an answer: " +
                             count_words(kase.journey().syns, "SYN") + " in " + duration_words(kase.observed_ns()));
  doubt_listener(queues, finding);
  if (kase.closed_early_by_client()) {
    finding.doubts.push_back("the client closed its socket after " + duration_words(kase.journey().last_ns - kase.journey().first_ns) +
                             ", before an answer was overdue");
  }
  return finding;
}

void say_read_once(const Queues& queues, Finding& finding) {
  const DurationNs late = queues.last->time_ns - queues.arrived->time_ns;
  finding.doubts.push_back("its queues were read only once, " +
                           (queues.last->time_ns >= queues.arrived->time_ns ? duration_words(late) + " after" : "before") +
                           " the last SYN arrived: whether its counters move with this attempt's SYNs is not known yet");
}

bool cookies_off(const Case& kase, const Queues& queues) { return kase.sysctl(queues.netns->id, "net.ipv4.tcp_syncookies") == "0"; }

/// Without cookies the kernel keeps the last quarter of tcp_max_syn_backlog for peers that it knows (tcp_conn_request(), 5.15 to 6.18).
bool keeps_rest_for_known_peers(const Case& kase, const Queues& queues) {
  const auto text = kase.sysctl(queues.netns->id, "net.ipv4.tcp_max_syn_backlog");
  const auto backlog = text ? parse_number(trim(*text)) : std::nullopt;
  if (!cookies_off(kase, queues) || !backlog || !queues.listener->half_open) return false;
  return *queues.listener->half_open > *backlog || *backlog - *queues.listener->half_open < *backlog / 4;
}

enum class Full : unsigned char { No, AcceptQueue, SynQueue, SynReserve };

/// Which of a listener's limits the counters, or else one reading, speak of.
Full which(const Case& kase, const Queues& queues) {
  const bool accept_full = accept_queue_full(*queues.listener) == true;
  const bool syn_full = syn_queue_full(*queues.listener) == true && cookies_off(kase, queues);
  const model::ListenCounters& counters = queues.last->counters;
  if (!queues.moved) {
    // The kernel looks at the SYN queue first.
    if (syn_full && counters.read && counters.syn_queue_full != 0) return Full::SynQueue;
    if (accept_full && counters.read && counters.overflows != 0) return Full::AcceptQueue;
    if (keeps_rest_for_known_peers(kase, queues) && counters.read && counters.drops > counters.overflows + counters.syn_queue_full)
      return Full::SynReserve;
    return Full::No;
  }
  const Movement& moved = *queues.moved;
  const bool overflowed = moved.overflows >= moved.arrivals;
  const bool syn_dropped = moved.syn_queue_full >= moved.arrivals;
  if (overflowed && syn_dropped) return syn_full ? Full::SynQueue : accept_full ? Full::AcceptQueue : Full::No;
  if (overflowed) return Full::AcceptQueue;
  if (syn_dropped) return Full::SynQueue;
  const std::uint64_t named = moved.overflows + moved.syn_queue_full;
  if (moved.drops >= named + moved.arrivals && keeps_rest_for_known_peers(kase, queues)) return Full::SynReserve;
  return Full::No;
}

/// The counters moved, but for another reason as well, or no reading met the queue full.
void doubt_room(const Queues& queues, bool was_full, const std::string& room, Finding& finding) {
  const Movement& moved = *queues.moved;
  if (moved.unnamed() >= moved.arrivals) {
    finding.doubts.push_back(
        count_words(moved.unnamed(), "packet") +
        " meanwhile refused there for no queue (a security module, memory, no route back): the SYN may be one of them");
  }
  if (was_full) return;
  if (queues.own_refusals) {
    finding.doubts.push_back("it had room when it was read (" + room +
                             "): it is full only at times, or it refused for another reason while another listener's queue was full");
  } else {
    finding.doubts.push_back("it had room when it was read (" + room +
                             "): the counters may have moved for another listener of the namespace");
  }
}

bool was_full(const Queues& queues, std::optional<bool> (*is_full)(const ListenSocket&)) {
  return is_full(*queues.listener) == true || (queues.listener_at_base != nullptr && is_full(*queues.listener_at_base) == true);
}

/// The ACK that completes the handshake came to a listener that did not take it.
struct LostAck {
  const Event* record = nullptr;  ///< the kernel's own word
  const Event* reset = nullptr;   ///< tcp_abort_on_overflow
  model::NetnsId netns = 0;
  std::optional<Queues> queues;
};

std::optional<LostAck> lost_ack(const Case& kase) {
  const model::Journey& journey = kase.journey();
  if (journey.server_established) return std::nullopt;
  LostAck lost;
  lost.queues = queues_of(kase, Leg::Ack);
  const Event* arrived = arrival(kase, Leg::Ack);
  if (kase.drop() != nullptr && kase.drop()->reason == kOverflow && kase.drop_event()->leg == Leg::Ack) {
    lost.record = kase.drop_event();
    lost.netns = lost.record->place.netns;
  } else if (kase.drop() != nullptr || arrived == nullptr) {
    return std::nullopt;
  } else {
    lost.netns = arrived->place.netns;
  }
  bool repeated = false;
  for (const Event& event : journey.events) {
    const auto* socket = event.get<SocketEvent>();
    if (socket == nullptr || event.place.netns != lost.netns) continue;
    const bool after = arrived == nullptr || event.time_ns > kase.first_hop(Leg::Ack)->time_ns;
    if (socket->kind == SocketEventKind::SynAckRetransmit && after) repeated = true;
    if (socket->kind == SocketEventKind::ResetSent && kase.sysctl(lost.netns, "net.ipv4.tcp_abort_on_overflow") == "1") lost.reset = &event;
  }
  // Until the server repeats itself, the ACK of the client's first data may yet be taken.
  if (!repeated && lost.reset == nullptr) return std::nullopt;
  if (lost.record != nullptr) return lost;
  if (!lost.queues || lost.queues->listener == nullptr) return std::nullopt;
  const Queues& queues = *lost.queues;
  // TCP_DEFER_ACCEPT ignores ACKs too, but overflows nothing; what the namespace counts may be another listener's overflows.
  if (!was_full(queues, accept_queue_full)) return std::nullopt;
  if ((queues.moved ? queues.moved->overflows : queues.last->counters.overflows) == 0) return std::nullopt;
  // An ACK that finds no room counts as a refusal of the listener itself (tcp_v4_syn_recv_sock() and its IPv6 sister, 5.15 to 6.18).
  if (queues.moved && queues.moved->own_drops == std::uint64_t{0}) return std::nullopt;
  return lost;
}

Finding refused_ack(const Case& kase, const LostAck& lost) {
  Finding finding;
  if (lost.record != nullptr) {
    finding = finding_about_drop(kase, Stage::Socket);
  } else {
    const Event& arrived = *lost.queues->arrived;
    finding.packet = Leg::Ack;
    finding.basis = Basis::Absence;
    finding.ceiling = model::Confidence::Strong;
    finding.where.netns = arrived.place.netns;
    finding.where.device = arrived.place.device;
    finding.where.stage = Stage::Socket;
    finding.evidence.push_back(netns_words(kase, arrived.place.netns) + " received the final ACK, and no connection came of it");
  }
  const bool told = lost.queues && lost.queues->listener != nullptr;
  const std::string whose = told ? owner_words(*lost.queues->listener) : netns_words(kase, lost.netns);
  if (lost.reset != nullptr) {
    finding.fate = model::Fate::Refused;
    finding.summary = "by a RST to its final ACK: the accept queue of " + whose + " is full";
    finding.evidence.push_back("net.ipv4.tcp_abort_on_overflow is 1 in " + netns_words(kase, lost.netns) +
                               ": TCP sent a RST instead of ignoring the ACK");
  } else {
    finding.summary = "its final ACK, by the full accept queue of " + whose;
    finding.evidence.push_back("the server repeats its SYN-ACK: it still waits for the ACK that it has no room to take");
  }
  if (kase.journey().client_established) {
    finding.evidence.push_back(lost.reset != nullptr
                                   ? "the client's socket was ESTABLISHED before that"
                                   : "the client's socket is ESTABLISHED: connect() has succeeded, and what it sends is ignored");
  }
  finding.next = in_netns(kase, lost.netns, "ss -Hltnp");
  if (!told) return finding;
  const Queues& queues = *lost.queues;
  finding.evidence.push_back("listener " + listener_words(*queues.listener) + ": " + depth_words(kase, queues, *queues.listener));
  if (queues.moved) {
    finding.evidence.push_back(moved_words("ListenOverflows", queues.moved->overflows, queues, "ACK"));
  } else if (lost.record == nullptr) {
    say_read_once(queues, finding);
  }
  doubt_listener(queues, finding);
  look_at_process(kase, queues, finding);
  return finding;
}

Finding full_syn_queue(const Case& kase, const Queues& queues, Full full) {
  const ListenSocket& socket = *queues.listener;
  Finding finding = refused_syn(kase, queues);
  finding.summary = "by the full SYN queue of " + owner_words(socket);
  const std::string half_open =
      socket.half_open ? number_words(*socket.half_open) + " half-open" : "half-open connections could not be counted";
  if (socket.half_open) finding.summary += " (" + half_open;
  if (full == Full::SynReserve) {
    const std::string backlog = clean(*kase.sysctl(queues.netns->id, "net.ipv4.tcp_max_syn_backlog"));
    finding.summary += ", net.ipv4.tcp_max_syn_backlog " + backlog + ")";
    finding.evidence.push_back("listener " + listener_words(socket) + ": " + half_open +
                               " connections; above three quarters of net.ipv4.tcp_max_syn_backlog (" + backlog +
                               ") only peers that the kernel knows are let in");
  } else {
    if (socket.half_open) finding.summary += socket.queue_limit ? ", limit " + number_words(*socket.queue_limit) + ")" : ")";
    finding.evidence.push_back("listener " + listener_words(socket) + ": " + half_open + " connections wait for the client's ACK" +
                               (socket.queue_limit ? ", limit " + number_words(*socket.queue_limit) + " (the listener's backlog)" : ""));
  }
  const auto mode = kase.sysctl(queues.netns->id, "net.ipv4.tcp_syncookies");
  if (mode)
    finding.evidence.push_back("net.ipv4.tcp_syncookies is " + clean(*mode) +
                               (*mode == "0" ? ": a full SYN queue is not helped by cookies" : ""));
  if (!queues.moved) {
    say_read_once(queues, finding);
  } else if (full == Full::SynReserve) {
    finding.evidence.push_back(moved_words("ListenDrops", queues.moved->drops, queues, "SYN"));
  } else {
    finding.evidence.push_back(moved_words("TCPReqQFullDrop", queues.moved->syn_queue_full, queues, "SYN"));
    doubt_room(queues, was_full(queues, syn_queue_full), half_open, finding);
    if (queues.moved->overflows != 0)
      finding.doubts.push_back("ListenOverflows moved as well, by " + number_words(queues.moved->overflows));
  }
  finding.next =
      in_netns(kase, queues.netns->id, "ss -Hant state syn-recv 'sport = :" + std::to_string(queues.arrived->flow.dst.port) + "'");
  return finding;
}

/// "129 connections waited for accept(), limit 128 (net.core.somaxconn; ...)": when it refused, by its own record.
std::string depth_at_refusal(const Case& kase, const ListenerRefusal& refusal) {
  const model::Decision& decision = *refusal.decision;
  std::string words =
      count_words(decision.queue_length, "connection") + " waited for accept() then, limit " + number_words(decision.queue_limit);
  const auto most = kase.sysctl(refusal.event->place.netns, "net.core.somaxconn");
  if (!most) return words;
  return words + (*most == number_words(decision.queue_limit)
                      ? " (net.core.somaxconn; listen() asked for as much or more)"
                      : " (the backlog that listen() asked for; net.core.somaxconn is " + clean(*most) + ")");
}

std::string listener_line(const ListenerRefusal& refusal) {
  return "listener " + (refusal.listener != nullptr ? listener_words(*refusal.listener) : to_string(refusal.event->flow.dst)) + ": ";
}

Finding accept_queue_refusal(const Case& kase, const ListenerRefusal& refusal) {
  const model::NetnsId netns = refusal.event->place.netns;
  Finding finding = finding_about_refusal(kase, refusal);
  finding.summary = "by the full accept queue of " + refuser_words(refusal) + " (" + number_words(refusal.decision->queue_length) +
                    " waiting, limit " + number_words(refusal.decision->queue_limit) + ")";
  finding.evidence.push_back(listener_line(refusal) + depth_at_refusal(kase, refusal));
  if (const auto mode = kase.sysctl(netns, "net.ipv4.tcp_syncookies"); mode && *mode != "0") {
    finding.evidence.push_back("SYN cookies are on (net.ipv4.tcp_syncookies is " + clean(*mode) +
                               "), which does not help a full accept queue");
  }
  finding.next = in_netns(kase, netns, "ss -Hltnp 'sport = :" + std::to_string(refusal.event->flow.dst.port) + "'");
  if (refusal.listener != nullptr && refusal.listener->owner_tgid != 0)
    finding.next += "; grep -H . /proc/" + std::to_string(refusal.listener->owner_tgid) + "/task/*/wchan";
  return finding;
}

Finding syn_queue_refusal(const Case& kase, const ListenerRefusal& refusal) {
  const model::NetnsId netns = refusal.event->place.netns;
  const std::string half_open = number_words(refusal.decision->half_open) + " half-open";
  Finding finding = finding_about_refusal(kase, refusal);
  finding.summary = "by the full SYN queue of " + refuser_words(refusal) + " (" + half_open;
  if (refusal.reason == RefusedFor::SynReserve) {
    const std::string backlog = clean(kase.sysctl(netns, "net.ipv4.tcp_max_syn_backlog").value_or(""));
    finding.summary += ", net.ipv4.tcp_max_syn_backlog " + backlog + ")";
    finding.evidence.push_back(listener_line(refusal) + half_open +
                               " connections then; above three quarters of net.ipv4.tcp_max_syn_backlog (" + backlog +
                               ") only peers that the kernel knows are let in");
    // Neither counter tells it from a lack of memory.
    finding.ceiling = model::Confidence::Strong;
  } else {
    finding.summary += ", limit " + number_words(refusal.decision->queue_limit) + ")";
    finding.evidence.push_back(listener_line(refusal) + half_open + " connections waited for the client's ACK then, limit " +
                               number_words(refusal.decision->queue_limit) + " (the listener's backlog)");
  }
  if (const auto mode = kase.sysctl(netns, "net.ipv4.tcp_syncookies"))
    finding.evidence.push_back("net.ipv4.tcp_syncookies is " + clean(*mode) +
                               (*mode == "0" ? ": a full SYN queue is not helped by cookies" : ""));
  finding.next = in_netns(kase, netns, "ss -Hant state syn-recv 'sport = :" + std::to_string(refusal.event->flow.dst.port) + "'");
  return finding;
}

}  // namespace

std::optional<Finding> match_accept_queue_full(const Case& kase) {
  if (const auto lost = lost_ack(kase)) return refused_ack(kase, *lost);
  if (const auto refusal = refusal_of(kase); refusal && refusal->reason == RefusedFor::AcceptQueue)
    return accept_queue_refusal(kase, *refusal);
  const auto queues = silent_listener(kase);
  if (!queues || which(kase, *queues) != Full::AcceptQueue) return std::nullopt;
  const ListenSocket& socket = *queues->listener;
  Finding finding = refused_syn(kase, *queues);
  finding.summary = "by the full accept queue of " + owner_words(socket);
  if (socket.queue_limit && accept_queue_full(socket) == true) {
    finding.summary += " (" + number_words(socket.queue_length) + " waiting, limit " + number_words(*socket.queue_limit) + ")";
  }
  finding.evidence.push_back("listener " + listener_words(socket) + ": " + depth_words(kase, *queues, socket));
  if (queues->moved) {
    finding.evidence.push_back(moved_words("ListenOverflows", queues->moved->overflows, *queues, "SYN"));
    doubt_room(*queues, was_full(*queues, accept_queue_full), std::to_string(socket.queue_length) + " waiting", finding);
    if (queues->moved->syn_queue_full != 0) {
      finding.doubts.push_back("TCPReqQFullDrop moved as well, by " + number_words(queues->moved->syn_queue_full));
    }
  } else {
    finding.evidence.push_back("ListenOverflows of " + netns_words(kase, queues->netns->id) + ": " +
                               number_words(queues->last->counters.overflows) + " since it was made");
    say_read_once(*queues, finding);
  }
  if (const auto mode = kase.sysctl(queues->netns->id, "net.ipv4.tcp_syncookies"); mode && *mode != "0") {
    finding.evidence.push_back("SYN cookies are on (net.ipv4.tcp_syncookies is " + clean(*mode) +
                               "), which does not help a full accept queue");
  }
  look_at_process(kase, *queues, finding);
  return finding;
}

std::optional<Finding> match_syn_queue_full(const Case& kase) {
  if (const auto refusal = refusal_of(kase);
      refusal && (refusal->reason == RefusedFor::SynQueue || refusal->reason == RefusedFor::SynReserve))
    return syn_queue_refusal(kase, *refusal);
  const auto queues = silent_listener(kase);
  if (!queues) return std::nullopt;
  const Full full = which(kase, *queues);
  if (full != Full::SynQueue && full != Full::SynReserve) return std::nullopt;
  return full_syn_queue(kase, *queues, full);
}

}  // namespace synfate::judge
