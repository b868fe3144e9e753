// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// One connection attempt: a SYN, its retransmits, its answers, and all that was observed of them, in time order.
#pragma once

#include <cstdint>
#include <vector>

#include "model/event.hpp"

namespace synfate::model {

struct Journey {
  std::uint64_t id = 0;  ///< numbered from 1 in the order of appearance
  std::uint32_t isn = 0;
  std::uint32_t server_isn = 0;  ///< 0: no SYN-ACK seen
  MonotonicNs first_ns = 0;
  MonotonicNs last_ns = 0;
  NetnsId origin_netns = 0;  ///< where it was first seen
  Process client;
  SocketLimits limits;
  std::vector<Flow> faces;  ///< in SYN direction; [0] as the client sent it, the others as NAT rewrote it
  std::vector<Event> events;
  std::vector<NeighbourEvent> neighbours;  ///< unresolved while this attempt was under way, in namespaces that it visited
  unsigned syns = 0;
  bool sent_a_syn = true;  ///< false: connect() failed before a SYN was made
  bool local_client = false;
  bool client_established = false;
  bool server_established = false;
  bool ended = false;                ///< client's socket has closed, or the session is over
  bool interrupted = false;          ///< ended because tracing ended
  unsigned hops_lost = 0;            ///< hops of this attempt that the flight recorder could not keep
  unsigned events_lost = 0;          ///< events lost machine-wide while it was under way: some may have been its own
  bool counted_established = false;  ///< the kernel side has counted it as established before it ended early
  bool untracked = false;            ///< the flight recorder had no room for it: events before the first are missing
};

}  // namespace synfate::model
