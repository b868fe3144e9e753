// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Which namespaces have processes, and a few example processes of each, from /proc; refuses to list processes for their own sake.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "machine/machine.hpp"
#include "model/place.hpp"

namespace synfate::inventory {

struct ProcessScan {
  /// The few smallest of each namespace, ascending: when one ends, the next still leads there.
  std::map<model::NetnsId, std::vector<std::uint32_t>> example_tgids;
  std::optional<model::NetnsId> init;  ///< the namespace of pid 1; none if it may not be read
  bool init_listed = false;            ///< /proc shows pid 1 at all
  unsigned unreadable = 0;             ///< processes whose namespace may not be read
};

/// The number in "net:[4026532511]".
std::optional<model::NetnsId> parse_netns_link(std::string_view target);

/// In order. Fails only when /proc itself cannot be read.
Result<std::vector<std::uint32_t>> list_tgids(machine::Machine& machine);
/// With the same error; a process that ends meanwhile is none.
Result<ProcessScan> scan_processes(machine::Machine& machine);

/// A process's comm, bounded; untrusted; empty when it has gone.
std::string read_comm(machine::Machine& machine, std::uint32_t tgid);

}  // namespace synfate::inventory
