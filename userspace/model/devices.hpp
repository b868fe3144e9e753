// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// What a namespace's devices and queues are like: plain data. Each part that is read only where a drop asks for it is optional as a whole.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/time.hpp"
#include "model/address.hpp"

namespace synfate::model {

using MacAddress = std::array<std::uint8_t, 6>;

/// VLANs of a bridge or a port of it, the last one included.
struct VlanRange {
  std::uint16_t first = 0;
  std::uint16_t last = 0;
  bool pvid = false;  ///< of what comes in without a tag
};

struct BridgePort {
  std::uint8_t state = 0;  ///< BR_STATE_*: 0 disabled, 1 listening, 2 learning, 3 forwarding, 4 blocking
  bool hairpin = false;
  bool isolated = false;
  bool locked = false;          ///< takes only what comes from addresses that the bridge has behind it
  std::optional<bool> flood{};  ///< sends on what is for an address that the bridge does not know
};

/// How a bridge treats VLANs, where it filters by them.
struct BridgeVlans {
  std::uint32_t ifindex = 0;  ///< of a port, or of the bridge itself
  std::vector<VlanRange> vlans;
};

/// A queueing discipline, with what the kernel has counted since it was attached.
struct Qdisc {
  std::uint32_t ifindex = 0;
  std::string kind;          ///< untrusted
  std::uint32_t handle = 0;  ///< major number in the upper half
  std::uint32_t parent = 0;  ///< a class, or 0xffffffff: the device itself
  std::uint64_t drops = 0;
  std::uint32_t waiting = 0;  ///< packets
};

/// What a CPU's queue of arrived packets has refused since the machine was started; of the whole machine, whatever the namespace.
struct InputQueue {
  std::uint32_t cpu = 0;
  std::uint64_t dropped = 0;
  std::uint64_t flow_limited = 0;  ///< of these: to leave room for other flows
};

struct Queues {
  std::vector<Qdisc> qdiscs;
  bool qdiscs_read = false;
  std::vector<InputQueue> input;
  MonotonicNs time_ns = 0;  ///< when the reading began; 0: not known
};

/// A table of ARP (family 4) or neighbour discovery (6): of the whole machine, whatever the namespace.
struct NeighbourTable {
  std::uint8_t family = 0;
  std::uint32_t entries = 0;
  std::uint32_t limit = 0;       ///< gc_thresh3
  std::uint64_t times_full = 0;  ///< since the machine was started
};

/// How much may wait for one unresolved neighbour on that device.
struct NeighbourQueue {
  std::uint8_t family = 0;
  std::uint32_t ifindex = 0;
  std::uint32_t limit_bytes = 0;
};

struct NeighbourEntry {
  std::uint32_t ifindex = 0;
  std::uint16_t state = 0;  ///< NUD_*: 0x80 permanent
  IpAddress address;
  MacAddress mac{};
};

struct Neighbours {
  std::vector<NeighbourTable> tables;
  std::vector<NeighbourQueue> queues;
  std::vector<NeighbourEntry> entries;  ///< only with MAC addresses that were asked for
  bool entries_read = false;
};

}  // namespace synfate::model
