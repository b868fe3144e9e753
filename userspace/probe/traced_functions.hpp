// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Tier 2f: programs on the functions that evaluate nf_tables' expressions. Attached after a first netfilter drop, and anew when more of
// those functions have come with their modules.
#pragma once

#include <cstdint>
#include <memory>
#include <set>
#include <string>

#include "base/result.hpp"
#include "probe/rule_programs.hpp"

namespace synfate::probe {

class TracedFunctions {
 public:
  /// Attaches to those of that depth that the kernel has now. On failure nothing stays behind.
  static Result<std::unique_ptr<TracedFunctions>> start(const SharedMaps& shared, int evaluations_fd, TraceDepth depth);
  ~TracedFunctions();
  TracedFunctions(const TracedFunctions&) = delete;
  TracedFunctions& operator=(const TracedFunctions&) = delete;

  /// The kernel has functions now that it had not when this was attached.
  bool is_outdated() const;
  TraceDepth depth() const;
  /// Events that its programs were kept from seeing, since it was started.
  std::uint64_t missed() const;

 private:
  struct Kernel;
  explicit TracedFunctions(std::unique_ptr<Kernel> kernel);
  std::unique_ptr<Kernel> kernel_;
};

}  // namespace synfate::probe
