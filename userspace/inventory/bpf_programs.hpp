// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// BPF programs that may have dropped something: what they are called, and who keeps them. Looks for owners among all processes, within
// bounds, and only when asked.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/time.hpp"
#include "machine/machine.hpp"
#include "model/inventory.hpp"

namespace synfate::inventory {

class ProgramReader {
 public:
  explicit ProgramReader(machine::Machine& machine) : machine_(machine) {}

  /// Into the inventory; those that were read a short while ago stay as they are. True when something was read.
  bool read(const std::set<std::uint32_t>& ids, std::map<std::uint32_t, model::BpfProgram>& programs, MonotonicNs now);

 private:
  using Programs = std::map<std::uint32_t, model::BpfProgram*>;
  void find_holders(Programs wanted);
  void find_pins(Programs wanted);

  machine::Machine& machine_;
  std::map<std::uint32_t, MonotonicNs> read_ns_;
};

/// The programs of BPF LSM that are attached, each with its hook by the given type ids; those of other hooks are left out.
Result<std::vector<model::SecurityProgram>> find_security_programs(machine::Machine& machine,
                                                                   const std::map<std::uint32_t, std::string>& hooks);

/// The programs of that cgroup, each with the cgroup of it or of its ancestors that it is attached to.
model::CgroupPrograms read_cgroup_programs(machine::Machine& machine, std::uint64_t cgroup_id);

}  // namespace synfate::inventory
