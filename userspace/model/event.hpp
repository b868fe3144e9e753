// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// What the kernel said, one observation each, decoded and with names; nothing here is a judgement.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/time.hpp"
#include "model/address.hpp"
#include "model/place.hpp"
#include "model/rule.hpp"

namespace synfate::model {

/// Which packet of the handshake.
enum class Leg : std::uint8_t {
  None,
  Syn,
  SynAck,
  Ack,          ///< the client's final ACK, or data that carries it
  Reset,        ///< RST towards the client
  ClientReset,  ///< RST from the client
  IcmpError,    ///< an ICMP error that quotes the SYN
};

enum class HopKind : std::uint8_t { Xmit, Receive, Enqueue };

/// A handshake packet at a device.
struct Hop {
  HopKind kind = HopKind::Xmit;
  std::uint8_t icmp_type = 0;  ///< leg IcmpError only
  std::uint8_t icmp_code = 0;
  /// Xmit: seen in front of the device's queue, or of other programs of tc there, and so not surely at its driver.
  bool queued = false;
};

/// The netfilter traversal that a packet was dropped in.
struct HookTraversal {
  std::uint8_t hook = 0;    ///< NF_INET_*, or NF_NETDEV_* when family is 5
  std::uint8_t family = 0;  ///< NFPROTO_*: 2 ip, 10 ip6, 7 bridge, 5 netdev, 1 inet
  std::uint32_t in_ifindex = 0;
  std::uint32_t out_ifindex = 0;
  std::string in_device;
  std::string out_device;
};

/// A code address in the words of the running kernel.
struct Symbol {
  std::uint64_t address = 0;
  std::string function;  ///< without compiler suffixes; empty if unknown
  std::uint32_t offset = 0;
  std::string module;  ///< empty: the kernel proper
};

/// A handshake packet freed as a drop.
struct Drop {
  /// Which of the two places in nft_do_chain() that free a packet it was; known only where a calibration has told them apart.
  enum class Site : std::uint8_t { Unknown, Rule, Policy };

  std::uint32_t reason_number = 0;
  std::string reason;  ///< "NETFILTER_DROP"; the number as text when the running kernel has no name for it
  Symbol symbol;
  bool has_hook = false;
  HookTraversal hook;
  Site nft_site = Site::Unknown;
  int route_error = 0;   ///< of the packet's route, negative errno
  int lookup_error = 0;  ///< of the FIB lookup just before
  std::uint32_t lookup_table = 0;
  IpAddress gateway;  ///< next hop of the packet's route, if not on link
  std::uint8_t packet_type = 0;
  std::uint8_t ttl = 0;
  std::uint32_t length_bytes = 0;
  std::array<std::uint8_t, 6> mac_destination{};
  std::array<std::uint8_t, 6> mac_source{};
  std::uint32_t context_tgid = 0;  ///< who was running, in synfate's pid namespace; 0: not visible there
  std::string context_comm;        ///< untrusted
};

enum class SocketEventKind : std::uint8_t {
  State,
  Retransmit,
  SynAckRetransmit,
  Error,
  ResetSent,
  ResetReceived,
  Stale,   ///< not TCP: the sweep found the attempt unfinished and silent
  Passed,  ///< not TCP: the final ACK left where the SYN had left; complete as far as this machine goes
};

/// What TCP itself did.
struct SocketEvent {
  SocketEventKind kind = SocketEventKind::State;
  int error = 0;               ///< positive errno
  std::uint8_t old_state = 0;  ///< TCP_ESTABLISHED is 1, TCP_SYN_SENT 2, TCP_SYN_RECV 3, TCP_CLOSE 7
  std::uint8_t new_state = 0;
  bool at_server = false;
};

/// This kernel sends an ICMP error about the packet.
struct IcmpSent {
  std::uint8_t type = 0;
  std::uint8_t code = 0;
};

/// A connect() that found no route, so no SYN was ever sent.
struct RouteFailure {
  int error = 0;  ///< negative errno
  std::uint32_t table = 0;
};

/// The socket that a dropped packet was for: its drop has the same time and skb. Only newer kernels tell (6.11).
struct Receiver {
  std::uint8_t state = 0;  ///< TCP_LISTEN is 10, TCP_TIME_WAIT 6
  std::uint8_t min_ttl = 0;
  bool has_filter = false;
  std::uint32_t filter_id = 0;  ///< of that filter as a BPF program; 0: a classic one
  std::uint64_t cgroup_id = 0;  ///< 0: not known
  bool programs_read = false;
  std::vector<std::uint32_t> ingress_programs;  ///< of its cgroup, in the order of their running
  unsigned ingress_count = 0;                   ///< more than are listed, where there are many
};

/// The end of a connection that was established, as one of its sockets saw it.
struct Closing {
  bool at_server = false;
  std::uint8_t new_state = 0;  ///< TCP_CLOSE is 7, TCP_CLOSE_WAIT 8, TCP_FIN_WAIT1 4
  std::uint8_t shutdown = 0;   ///< 3: both ways
  int error = 0;               ///< positive errno
  MonotonicNs handshake_ns = 0;
  std::uint64_t bytes_sent = 0;  ///< by this socket
  std::uint64_t bytes_received = 0;
  std::uint32_t closer_tgid = 0;
  std::uint64_t closer_cgroup_id = 0;
  std::string closer_comm;  ///< untrusted; empty: the other end closed it
};

/// What a listener did with a SYN, as the function that decides was seen to count it; only of SYNs that it refused or answered with a
/// cookie. Only where functions can be traced.
struct Decision {
  std::uint64_t inode = 0;    ///< of the listener's socket; 0: not known
  unsigned queue_length = 0;  ///< connections that wait for accept()
  unsigned queue_limit = 0;   ///< one more is still let in
  unsigned half_open = 0;     ///< connections of its own that wait for the client's ACK
  unsigned overflows = 0;     ///< 1: the accept queue was full
  unsigned drops = 0;         ///< 1: refused, for whatever reason
  unsigned syn_queue_full = 0;
  unsigned cookies_sent = 0;
  int security_error = 0;  ///< negative errno of the security modules; 0: none, or not seen
  int lookup_error = 0;    ///< negative errno of the last IPv4 look-up for the client that failed meanwhile; 0: none
};

using Observation = std::variant<Hop, Drop, SocketEvent, IcmpSent, RouteFailure, HookVerdict, Receiver, Closing, Decision>;

struct Event {
  MonotonicNs time_ns = 0;
  std::uint32_t cpu = 0;
  Leg leg = Leg::None;
  std::uint64_t skb = 0;  ///< an identity, 0 if unknown
  Flow flow;              ///< the packet's own direction
  Place place;
  Observation what;

  template <class T>
  const T* get() const {
    return std::get_if<T>(&what);
  }
};

/// A neighbour entry that is being resolved or could not be.
struct NeighbourEvent {
  MonotonicNs time_ns = 0;
  Place place;
  IpAddress address;
  bool failed = false;  ///< else incomplete
};

/// What the client's socket was told before it connected; 0: nothing, or not known.
struct SocketLimits {
  unsigned syn_retries = 0;           ///< TCP_SYNCNT
  std::uint32_t user_timeout_ms = 0;  ///< TCP_USER_TIMEOUT
};

/// Who connects.
struct Process {
  std::uint32_t tgid = 0;  ///< in synfate's pid namespace; 0: not visible there
  std::uint32_t tid = 0;
  std::uint64_t cgroup_id = 0;
  std::string comm;  ///< untrusted

  bool known() const { return !comm.empty() || tgid != 0; }
};

}  // namespace synfate::model
