// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Tier 2f for listeners: programs on the function that takes or refuses a SYN (bpf/listeners.bpf.c). An object of their own, since a kernel
// that refuses them must not keep the rest from running.
#pragma once

#include <cstdint>
#include <memory>

#include "base/result.hpp"
#include "probe/kernel_btf.hpp"
#include "probe/rule_programs.hpp"

struct config;

namespace synfate::probe {

class ListenerPrograms {
 public:
  /// Loads and attaches, with the settings that the rest has. On failure nothing stays behind.
  static Result<std::unique_ptr<ListenerPrograms>> start(const SharedMaps& shared, const KernelBtf& btf, const config& settings);
  ~ListenerPrograms();
  ListenerPrograms(const ListenerPrograms&) = delete;
  ListenerPrograms& operator=(const ListenerPrograms&) = delete;

  /// Events that its programs were kept from seeing, since it was started.
  std::uint64_t missed() const;

 private:
  struct Kernel;
  explicit ListenerPrograms(std::unique_ptr<Kernel> kernel);
  std::unique_ptr<Kernel> kernel_;
};

/// BTF has what the programs need to know of this kernel.
bool knows_listeners(const KernelBtf& btf);

}  // namespace synfate::probe
