// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Which listener a packet is for, and what two readings of its queues say of the time between them. It names no cause.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "judge/case.hpp"

namespace synfate::judge {

/// Why a listener does not take what is sent to `to` and arrives by that device.
enum class Misfit : unsigned char { None, Port, Address, OnlyIpv6, Device };
Misfit misfit(const model::Netns& netns, const model::ListenSocket& socket, const model::Endpoint& to, std::uint32_t ifindex);

/// Those that the kernel chooses from for such a packet: one, none, or a group that shares the port (SO_REUSEPORT).
std::vector<const model::ListenSocket*> takers(const model::Netns& netns, const std::vector<model::ListenSocket>& sockets,
                                               const model::Endpoint& to, std::uint32_t ifindex);

/// "0.0.0.0:80 of nginx[4242]", "[::]:80".
std::string listener_words(const model::ListenSocket& socket);
/// "nginx[4242]", or what listener_words() says where no process was found.
std::string owner_words(const model::ListenSocket& socket);
/// As the kernel's sk_acceptq_is_full() has it; nothing where the source does not say.
std::optional<bool> accept_queue_full(const model::ListenSocket& socket);
/// As inet_csk_reqsk_queue_is_full() has it: at its limit, but since 3479c7549fb1 (6.13, and stable series from January 2025) only above
/// it. So a queue at its limit may be full.
std::optional<bool> syn_queue_full(const model::ListenSocket& socket);

/// What a namespace's counters, and the listener's own, did between two readings.
struct Movement {
  DurationNs span_ns = 0;
  unsigned arrivals = 0;  ///< packets of this attempt that came to TCP meanwhile, at least
  std::uint64_t overflows = 0;
  std::uint64_t drops = 0;
  std::uint64_t syn_queue_full = 0;
  std::uint64_t cookies_sent = 0;
  std::optional<std::uint64_t> own_drops;  ///< the listener's

  /// Refusals for a full queue, and for anything else (a security module, memory, no route back).
  std::uint64_t named() const { return overflows + syn_queue_full; }
  std::uint64_t unnamed() const { return drops > named() ? drops - named() : 0; }
};

/// The listener of a packet that was received for this machine's own address, by readings near the attempt.
struct Queues {
  const model::Netns* netns = nullptr;
  const model::Event* arrived = nullptr;          ///< the last such packet
  const model::ListenReading* last = nullptr;     ///< taken after the first such packet
  const model::ListenReading* base = nullptr;     ///< an earlier one; null: there is none
  const model::ListenSocket* listener = nullptr;  ///< in last; of a group the one that refused, else a full one
  const model::ListenSocket* listener_at_base = nullptr;
  std::size_t group = 0;          ///< how many share the port
  std::size_t group_full = 0;     ///< of them have a full accept queue
  std::optional<Movement> moved;  ///< none: one reading, or counters that could not be read
  bool own_refusals = false;      ///< the listener's own count says that it refused them, and no other reason is left for that
};

/// Whether the address is that namespace's own, those of a loopback device's network included.
bool is_own_address(const Case& kase, model::NetnsId netns, const model::IpAddress& address);
/// The last hop of that leg, if it brought the packet where it belongs.
const model::Event* arrival(const Case& kase, model::Leg leg);
/// Nothing when the packet did not arrive, or nothing was read of its port since. A listener that was not found is null.
std::optional<Queues> queues_of(const Case& kase, model::Leg leg);

/// A SYN that came to a listener here and met silence, and nothing else explains it.
std::optional<Queues> silent_listener(const Case& kase);
/// Such a listener that refused as often as SYNs of this attempt came, while no refusal of the namespace was for a full queue.
std::optional<Queues> refused_for_no_queue(const Case& kase);

/// A note when the SYN-ACK of this attempt was a SYN cookie, or is likely to have been one.
std::optional<std::string> syn_cookies_note(const Case& kase);

}  // namespace synfate::judge
