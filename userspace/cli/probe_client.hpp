// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// The connects of `probe`, one after the other, in a child that stands in the network namespace of whoever is asked about. It reports what
// each came to, and knows nothing of what became of the packets.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "base/time.hpp"
#include "model/address.hpp"

namespace synfate::cli {

struct ProbePlan {
  int netns_fd = -1;
  std::vector<model::IpAddress> addresses;  ///< each is tried in every round
  std::string zone;                         ///< the device of a link-local address
  std::uint16_t port = 0;
  std::uint64_t rounds = 1;
  DurationNs timeout = 4 * kSecond;
  pid_t parent = -1;
};

/// What connect() came to; as it goes through a pipe.
struct ConnectReport {
  enum Outcome : std::uint32_t { Connected, Failed, TimedOut };

  MonotonicNs begin_ns = 0;
  MonotonicNs end_ns = 0;  ///< its socket is closed by then
  std::uint32_t round = 0;
  std::uint32_t address = 0;  ///< index into the plan's
  std::uint32_t outcome = Failed;
  std::int32_t error = 0;  ///< errno of a failed one
};

/// What the child calls itself.
inline constexpr char kProbeComm[] = "synfate-probe";

/// Of a forked child: enters, connects, writes its reports, and ends the process. errno goes to failure_fd when it cannot enter.
[[noreturn]] void make_connects(const ProbePlan& plan, int report_fd, int failure_fd);

}  // namespace synfate::cli
