// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// The rule programs, loaded beside the main ones: each libbpf object reads the kernel's whole BTF, which is half of what loading takes.
// Attaches nothing: that has to come after the main ones.
#pragma once

#include <array>
#include <future>
#include <memory>

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "probe/rule_programs.hpp"

namespace synfate::probe {

class RulesAhead {
 public:
  /// Of the main object, opened and not loaded yet.
  struct Maps {
    bpf_map* ring = nullptr;
    bpf_map* counters = nullptr;
    bpf_map* pending_drops = nullptr;
  };

  /// Creates the maps that both objects use, and begins on a thread of its own, which ends before this does. On an error nothing has begun.
  Status begin(const Maps& maps, bool netfilter_links);
  /// Waits for them, and so for the thread; after begin(), once.
  Result<std::unique_ptr<RulePrograms>> take() { return loading_.get(); }

 private:
  std::array<UniqueFd, 3> maps_;
  std::future<Result<std::unique_ptr<RulePrograms>>> loading_;
};

}  // namespace synfate::probe
