// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Which process has a socket open, by its inode: first where the socket was made (its cgroup), then in its network namespace. Bounded; what
// is not found in that is not known.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "machine/machine.hpp"
#include "model/listen.hpp"
#include "model/place.hpp"

namespace synfate::inventory {

class SocketOwners {
 public:
  /// Fills in owner_tgid and owner_comm of those that have an inode. Who had it is remembered and asked first, as it may have passed the
  /// socket on and closed its own; that none was found is believed for a while.
  void name(machine::Machine& machine, model::NetnsId netns, std::vector<model::ListenSocket>& sockets, MonotonicNs now);

 private:
  struct Owner {
    std::uint32_t tgid = 0;
    std::string comm;
    std::string descriptor;  ///< its link, "/proc/42/fd/3"
    MonotonicNs searched_ns = 0;
  };
  bool holds_still(machine::Machine& machine, std::uint64_t inode, Owner& owner, MonotonicNs now);
  /// Inodes of sockets are the machine's, and not used twice while one is alive.
  std::map<std::uint64_t, Owner> known_;
};

}  // namespace synfate::inventory
