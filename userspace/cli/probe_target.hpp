// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// --from, found on this machine: the network namespace that is entered, and whose files say how names are resolved there. Enters nothing
// itself, and guesses no pod where several fit.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "cli/probe_options.hpp"
#include "inventory/reader.hpp"
#include "machine/machine.hpp"

namespace synfate::cli {

struct ProbeTarget {
  machine::NetnsHandle netns;
  std::string words;                 ///< "pod shop/web-0 on lab-worker", clean
  std::vector<std::uint32_t> tgids;  ///< processes of it whose files count, best first
  std::string directory;             ///< where `ip netns exec` would take its files from; empty: nowhere
  bool machine_files = false;        ///< the machine's own count where no process has any
};

/// hostname: the machine's, which is its own name as a node.
Result<ProbeTarget> find_target(const ProbeOptions& options, const std::string& hostname, inventory::InventoryReader& reader,
                                machine::Machine& machine);

struct NameFiles {
  std::string resolv_conf;
  std::string hosts;
  std::string source;  ///< "/etc/resolv.conf of process 42 (nginx)", clean
};

Result<NameFiles> read_name_files(const ProbeTarget& target, machine::Machine& machine);

}  // namespace synfate::cli
