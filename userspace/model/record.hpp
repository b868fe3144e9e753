// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// What the kernel side sends, decoded: the unit between the rooms wire (which reads the bytes) and track (which follows attempts).
#pragma once

#include <cstdint>
#include <optional>
#include <variant>
#include <vector>

#include "model/event.hpp"

namespace synfate::model {

/// All that the kernel side had kept of an attempt when it was submitted.
struct FlightRecord {
  std::uint64_t attempt = 0;  ///< wire_attempt.id, never 0
  MonotonicNs submitted_ns = 0;
  std::uint32_t cpu = 0;  ///< that submitted it
  MonotonicNs first_ns = 0;
  MonotonicNs last_ns = 0;
  std::uint64_t last_skb = 0;  ///< an identity
  std::uint32_t isn = 0;
  std::uint32_t server_isn = 0;  ///< 0: no SYN-ACK seen
  NetnsId origin_netns = 0;
  Process client;  ///< empty where the owner is not known
  SocketLimits limits;
  bool local_client = false;
  bool client_established = false;
  bool server_established = false;
  bool streamed = false;
  bool passed = false;    ///< the final ACK left where the SYN had left
  NetnsId far_netns = 0;  ///< the farthest point that a SYN reached; far_event is none where there is no such point
  std::uint32_t far_ifindex = 0;
  std::optional<HopKind> far_event;
  unsigned syns = 0;
  unsigned synacks = 0;
  unsigned hops_lost = 0;     ///< did not fit the record, or were being written while it was copied
  unsigned foreign_hops = 0;  ///< written by another attempt into this record's place; dropped here
  std::vector<Flow> faces;    ///< in SYN direction, at least one; [0] as the client sent it
  std::vector<Event> hops;    ///< in the order in which the kernel wrote them; cpu and skb are not known
};

/// One event of an attempt that is streamed.
struct StreamedEvent {
  std::uint64_t attempt = 0;  ///< 0: the attempt has no record (the table was full)
  std::uint32_t isn = 0;
  bool local_client = false;  ///< the packet comes from a connecting socket of this machine
  Event event;
};

/// A connection that ended soon after its handshake; its flight record has gone already.
struct ClosingRecord {
  StreamedEvent streamed;  ///< about a Closing; its flow is as the client sent it
  Flow own;                ///< in SYN direction, as this socket has it
  MonotonicNs first_ns = 0;
  NetnsId origin_netns = 0;
  Process client;        ///< empty where it is not known
  bool counted = false;  ///< among those that the kernel side counts as established
};

/// A connect() that found no route.
struct RouteFailureRecord {
  Flow flow;  ///< sport 0; source 0.0.0.0 or :: where the socket was not bound
  Process process;
  NetnsId netns = 0;
  RouteFailure failure;
  MonotonicNs time_ns = 0;
  std::uint32_t cpu = 0;
};

using Record = std::variant<FlightRecord, StreamedEvent, RouteFailureRecord, NeighbourEvent, ClosingRecord>;

}  // namespace synfate::model
