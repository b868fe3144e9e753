// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// The node of `demo`: five network namespaces, their wires, rules and routes, behind a mount namespace of this process alone. Refuses to
// touch anything of the machine's own: the kernel removes all of it with the process, however that ends.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "machine/machine.hpp"

namespace synfate::cli {

///   client ─ cni0 ─ node ─ cni1 ┬ web    10.42.1.20:8080   services 10.96.0.10:80, 10.96.0.20:80
///   10.42.0.10      backup0     ├ db     10.42.1.30:5432   a rule forbids the client
///                     │         └ cache  10.42.1.40:6379   answers by its second leg
///                     └────────── eth1
class DemoLab {
 public:
  /// For the calling thread, which must be the main one: it and what it forks see another /run from then on.
  static Result<DemoLab> build(machine::Machine& machine);

  DemoLab(DemoLab&& other) noexcept = default;
  DemoLab& operator=(DemoLab&&) = delete;
  ~DemoLab() = default;

  const machine::NetnsHandle& netns(std::string_view name) const { return namespaces_.find(name)->second; }
  /// Lets go of the namespaces; with their last process they are gone.
  Status remove();

 private:
  DemoLab() = default;

  std::map<std::string, machine::NetnsHandle, std::less<>> namespaces_;
};

}  // namespace synfate::cli
