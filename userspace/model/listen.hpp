// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// TCP sockets that wait for connections, and what was read of their queues near an attempt.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/time.hpp"
#include "model/address.hpp"

namespace synfate::model {

/// A TCP socket that waits for connections. Fields that the source did not tell keep their defaults.
struct ListenSocket {
  Endpoint local;                       ///< the address is all zero when it is bound to none
  unsigned queue_length = 0;            ///< connections that wait for accept()
  std::optional<unsigned> queue_limit;  ///< one more is still let in; none: the source does not say
  std::uint64_t inode = 0;
  std::uint32_t uid = 0;
  std::uint32_t bound_ifindex = 0;     ///< SO_BINDTODEVICE; 0: any device
  std::optional<bool> only_ipv6;       ///< of an IPv6 socket
  std::uint32_t owner_tgid = 0;        ///< a process that has it open; 0: none was found
  std::string owner_comm;              ///< untrusted
  std::optional<unsigned> half_open;   ///< connections of its own that wait for the client's ACK
  std::uint64_t cgroup_id = 0;         ///< cgroup v2 inode of its maker; 0: not told
  std::vector<Prefix> md5_peers;       ///< whom it wants TCP-MD5 signatures from
  std::optional<std::uint64_t> drops;  ///< packets that it refused since it was made
};

/// What TCP of a namespace has counted of its listeners since the namespace was made.
struct ListenCounters {
  bool read = false;
  std::uint64_t overflows = 0;          ///< ListenOverflows: the accept queue was full
  std::uint64_t drops = 0;              ///< ListenDrops: all that a listener refused, the others here included
  std::uint64_t syn_queue_full = 0;     ///< TCPReqQFullDrop
  std::uint64_t syn_queue_cookies = 0;  ///< TCPReqQFullDoCookies
  std::uint64_t cookies_sent = 0;       ///< SyncookiesSent
};

/// The listeners on one port at one moment.
struct ListenReading {
  MonotonicNs time_ns = 0;  ///< before anything of it was read
  std::uint16_t port = 0;
  ListenCounters counters;
  std::vector<ListenSocket> sockets;
  bool complete = false;     ///< sockets has them all
  MonotonicNs ended_ns = 0;  ///< the counters, which are read last, were in hand; 0: not told
};

}  // namespace synfate::model
