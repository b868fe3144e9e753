// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "judge/listeners.hpp"

#include <algorithm>

#include "judge/words.hpp"

namespace synfate::judge {
namespace {

using model::Event;
using model::Hop;
using model::HopKind;
using model::Leg;
using model::ListenReading;
using model::ListenSocket;

/// A reading that does not tell when it ended (of recordings made before it did) is taken to have ended by then.
constexpr DurationNs kReadingTime = 50 * kMillisecond;
/// A reading for an earlier attempt says nothing of this one's time if it is older.
constexpr DurationNs kBaseAge = 10 * kSecond;
/// The note's name, in front of it.
constexpr std::string_view kCookies = "syn_cookies";

bool is_wildcard(const model::IpAddress& address) {
  return std::all_of(address.bytes.begin(), address.bytes.end(), [](std::uint8_t byte) { return byte == 0; });
}

model::IpAddress unmapped(const model::IpAddress& address) {
  constexpr std::array<std::uint8_t, 12> kMapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  if (address.family != 6 || !std::equal(kMapped.begin(), kMapped.end(), address.bytes.begin())) return address;
  model::IpAddress four;
  four.family = 4;
  std::copy(address.bytes.begin() + 12, address.bytes.end(), four.bytes.begin());
  return four;
}

/// As the kernel's lookup prefers them: its address, then its device, then its own family.
unsigned rank(const ListenSocket& socket) {
  return (is_wildcard(socket.local.address) ? 0U : 4U) + (socket.bound_ifindex != 0 ? 2U : 0U) +
         (socket.local.address.family == 4 ? 1U : 0U);
}

const ListenSocket* same_socket(const ListenReading* reading, const ListenSocket& socket) {
  if (reading == nullptr || socket.inode == 0) return nullptr;
  const auto found =
      std::find_if(reading->sockets.begin(), reading->sockets.end(), [&](const ListenSocket& each) { return each.inode == socket.inode; });
  return found == reading->sockets.end() ? nullptr : &*found;
}

std::optional<std::uint64_t> own_drops(const ListenSocket& socket, const ListenSocket* before) {
  if (before == nullptr || !socket.drops || !before->drops || *socket.drops < *before->drops) return std::nullopt;
  return *socket.drops - *before->drops;
}

std::optional<Movement> movement(const Case& kase, Leg leg, const Queues& queues) {
  const model::ListenCounters& now = queues.last->counters;
  if (queues.base == nullptr || !now.read || !queues.base->counters.read) return std::nullopt;
  const model::ListenCounters& then = queues.base->counters;
  if (now.drops < then.drops || now.overflows < then.overflows || now.syn_queue_full < then.syn_queue_full) return std::nullopt;
  Movement moved;
  moved.span_ns = queues.last->time_ns - queues.base->time_ns;
  // Packets that came while the base was taken may be in its counters or not: they are not counted.
  const MonotonicNs since = queues.base->ended_ns != 0 ? queues.base->ended_ns : queues.base->time_ns + kReadingTime;
  for (const Event* hop : kase.hops(leg)) {
    // Of a packet that waits for its CPU first there is a hop of the enqueueing besides.
    if (hop->get<Hop>()->kind != HopKind::Receive || !hop->place.same_device(queues.arrived->place)) continue;
    if (hop->time_ns > since && hop->time_ns <= queues.last->time_ns) ++moved.arrivals;
  }
  if (moved.arrivals == 0) return std::nullopt;
  moved.overflows = now.overflows - then.overflows;
  moved.drops = now.drops - then.drops;
  moved.syn_queue_full = now.syn_queue_full - then.syn_queue_full;
  moved.cookies_sent = now.cookies_sent - std::min(now.cookies_sent, then.cookies_sent);
  return moved;
}

void choose_readings(const Case& kase, Leg leg, Queues& queues) {
  MonotonicNs first_ns = queues.arrived->time_ns;
  for (const Event* hop : kase.hops(leg)) {
    if (hop->place.same_device(queues.arrived->place)) first_ns = std::min(first_ns, hop->time_ns);
  }
  const ListenReading* first_after = nullptr;
  for (const ListenReading& reading : queues.netns->listen_readings) {
    if (reading.port != queues.arrived->flow.dst.port) continue;
    if (reading.time_ns < first_ns) {
      if (first_ns - reading.time_ns <= kBaseAge) queues.base = &reading;
      continue;
    }
    if (first_after == nullptr) first_after = &reading;
    queues.last = &reading;
  }
  if (queues.base == nullptr && first_after != queues.last) queues.base = first_after;
}

void choose_listener(Queues& queues) {
  const auto group = takers(*queues.netns, queues.last->sockets, queues.arrived->flow.dst, queues.arrived->place.ifindex);
  queues.group = group.size();
  unsigned refusing = 0;
  bool chosen_refused = false;
  for (const ListenSocket* socket : group) {
    const bool full = accept_queue_full(*socket) == true;
    queues.group_full += full ? 1 : 0;
    const auto dropped = own_drops(*socket, same_socket(queues.base, *socket));
    const bool refused = queues.moved && dropped && *dropped >= queues.moved->arrivals;
    refusing += refused ? 1 : 0;
    const bool better = queues.listener == nullptr || (refused && !chosen_refused) ||
                        (refused == chosen_refused && full && accept_queue_full(*queues.listener) != true);
    if (!better) continue;
    queues.listener = socket;
    chosen_refused = refused;
  }
  // Where others were refused for no queue, these may be the listener's own ones, and the queue's another listener's.
  queues.own_refusals = chosen_refused && refusing == 1 && queues.moved->unnamed() < queues.moved->arrivals;
  if (queues.listener == nullptr) return;
  queues.listener_at_base = same_socket(queues.base, *queues.listener);
  if (queues.moved) queues.moved->own_drops = own_drops(*queues.listener, queues.listener_at_base);
}

/// The function that answered it counted a cookie.
std::optional<std::string> seen_cookie(const Case& kase) {
  for (const Event& event : kase.journey().events) {
    const auto* decision = event.get<model::Decision>();
    if (decision == nullptr || decision->cookies_sent == 0) continue;
    std::string words = std::string(kCookies) + ": its SYN-ACK was a cookie, by the word of tcp_conn_request() of " +
                        netns_words(kase, event.place.netns) + ": " + std::to_string(decision->half_open) + " half-open, limit " +
                        std::to_string(decision->queue_limit);
    const auto mode = kase.sysctl(event.place.netns, "net.ipv4.tcp_syncookies");
    if (mode) words += "; net.ipv4.tcp_syncookies is " + clean(*mode) + (*mode == "2" ? ", so every SYN-ACK is a cookie" : "");
    return words;
  }
  return std::nullopt;
}

bool was_refused(const Case& kase) {
  const auto& events = kase.journey().events;
  return std::any_of(events.begin(), events.end(), [](const Event& event) {
    const auto* decision = event.get<model::Decision>();
    return decision != nullptr && decision->drops != 0;
  });
}

}  // namespace

Misfit misfit(const model::Netns& netns, const ListenSocket& socket, const model::Endpoint& to, std::uint32_t ifindex) {
  if (socket.local.port != to.port) return Misfit::Port;
  const model::IpAddress bound = unmapped(socket.local.address);
  if (is_wildcard(bound) ? bound.family == 4 && to.address.family == 6 : bound != to.address) return Misfit::Address;
  if (bound.family == 6 && to.address.family == 4 && socket.only_ipv6 == true) return Misfit::OnlyIpv6;
  if (socket.bound_ifindex == 0 || socket.bound_ifindex == ifindex) return Misfit::None;
  // Bound to a VRF, and so to the devices in it.
  const model::Link* link = netns.link(ifindex);
  return link != nullptr && link->master_ifindex == socket.bound_ifindex ? Misfit::None : Misfit::Device;
}

std::vector<const ListenSocket*> takers(const model::Netns& netns, const std::vector<ListenSocket>& sockets, const model::Endpoint& to,
                                        std::uint32_t ifindex) {
  std::vector<const ListenSocket*> found;
  for (const ListenSocket& socket : sockets) {
    if (misfit(netns, socket, to, ifindex) != Misfit::None) continue;
    if (!found.empty() && rank(socket) > rank(*found.front())) found.clear();
    if (found.empty() || rank(socket) == rank(*found.front())) found.push_back(&socket);
  }
  return found;
}

std::string listener_words(const ListenSocket& socket) {
  std::string words = to_string(socket.local);
  if (socket.owner_tgid != 0) words += " of " + owner_words(socket);
  return words;
}

std::string owner_words(const ListenSocket& socket) {
  if (socket.owner_tgid == 0) return to_string(socket.local);
  return clean(socket.owner_comm) + "[" + std::to_string(socket.owner_tgid) + "]";
}

std::optional<bool> accept_queue_full(const ListenSocket& socket) {
  if (!socket.queue_limit) return std::nullopt;
  return socket.queue_length > *socket.queue_limit;
}

std::optional<bool> syn_queue_full(const ListenSocket& socket) {
  if (!socket.queue_limit || !socket.half_open) return std::nullopt;
  return *socket.half_open >= *socket.queue_limit;
}

bool is_own_address(const Case& kase, model::NetnsId netns, const model::IpAddress& address) {
  if (kase.is_local_address(netns, address) == true) return true;
  const model::Netns* found = kase.netns(netns);
  if (found == nullptr) return false;
  return std::any_of(found->links.begin(), found->links.end(), [&](const model::Link& link) {
    return link.loopback && std::any_of(link.addresses.begin(), link.addresses.end(), [&](const model::InterfaceAddress& own) {
             return own.prefix_length != 0 && model::Prefix{own.address, own.prefix_length}.contains(address);
           });
  });
}

const Event* arrival(const Case& kase, Leg leg) {
  const Event* last = kase.last_hop(leg);
  if (last == nullptr || last->get<Hop>()->kind == HopKind::Xmit) return nullptr;
  return is_own_address(kase, last->place.netns, last->flow.dst.address) ? last : nullptr;
}

std::optional<Queues> queues_of(const Case& kase, Leg leg) {
  Queues queues;
  queues.arrived = arrival(kase, leg);
  if (queues.arrived == nullptr) return std::nullopt;
  queues.netns = kase.netns(queues.arrived->place.netns);
  if (queues.netns == nullptr) return std::nullopt;
  choose_readings(kase, leg, queues);
  if (queues.last == nullptr) return std::nullopt;
  queues.moved = movement(kase, leg, queues);
  choose_listener(queues);
  return queues;
}

std::optional<Queues> silent_listener(const Case& kase) {
  const model::Journey& journey = kase.journey();
  if (kase.drop_event() != nullptr || journey.client_established || journey.server_established || !kase.silence_counts())
    return std::nullopt;
  // What the function that decides has said goes before this.
  if (was_refused(kase)) return std::nullopt;
  for (const Leg answer : {Leg::SynAck, Leg::Ack, Leg::Reset, Leg::IcmpError}) {
    if (kase.seen(answer)) return std::nullopt;
  }
  auto queues = queues_of(kase, Leg::Syn);
  if (!queues || queues->listener == nullptr) return std::nullopt;
  // The listener's own count says that it took what came.
  if (queues->moved && queues->moved->own_drops && *queues->moved->own_drops < queues->moved->arrivals) return std::nullopt;
  return queues;
}

std::optional<Queues> refused_for_no_queue(const Case& kase) {
  auto queues = silent_listener(kase);
  if (!queues || !queues->moved || !queues->moved->own_drops || queues->group != 1) return std::nullopt;
  const Movement& moved = *queues->moved;
  return moved.named() == 0 && *moved.own_drops >= moved.arrivals ? queues : std::nullopt;
}

std::optional<std::string> syn_cookies_note(const Case& kase) {
  if (!kase.journey().server_established && !kase.seen(Leg::SynAck)) return std::nullopt;
  if (auto seen = seen_cookie(kase)) return seen;
  const auto queues = queues_of(kase, Leg::Syn);
  if (!queues || queues->listener == nullptr) return std::nullopt;
  const model::NetnsId netns = queues->netns->id;
  const auto mode = kase.sysctl(netns, "net.ipv4.tcp_syncookies");
  const model::ListenCounters& counters = queues->last->counters;
  if (!mode || *mode == "0" || !counters.read || counters.cookies_sent == 0) return std::nullopt;
  const std::string sent = count_words(counters.cookies_sent, "cookie") + " sent by " + netns_words(kase, netns) + " since it was made";
  if (*mode == "2") return std::string(kCookies) + ": net.ipv4.tcp_syncookies is 2, so every SYN-ACK is a cookie (" + sent + ")";
  if (syn_queue_full(*queues->listener) != true || counters.syn_queue_cookies == 0) return std::nullopt;
  const bool above = *queues->listener->half_open > *queues->listener->queue_limit;
  return std::string(kCookies) + ": the SYN queue of " + listener_words(*queues->listener) + " was " + (above ? "full" : "at its limit") +
         " (" + std::to_string(*queues->listener->half_open) + " half-open, limit " + std::to_string(*queues->listener->queue_limit) +
         "), so its SYN-ACK " + (above ? "was" : "may have been") + " a cookie: net.ipv4.tcp_syncookies is " + clean(*mode) + "; " + sent;
}

}  // namespace synfate::judge
