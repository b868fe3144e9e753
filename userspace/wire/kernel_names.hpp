// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// What numbers mean in the running kernel: drop reasons move even inside a stable series, so their names travel with the records.
#pragma once

#include <cstdint>
#include <map>
#include <string>

namespace synfate::wire {

struct KernelNames {
  std::map<std::uint32_t, std::string> drop_reasons;  ///< without SKB_DROP_REASON_; from the running kernel's BTF
  std::string kernel_release;                         ///< uname -r; untrusted when it comes from a recording
};

/// "NETFILTER_DROP"; an unknown number as text ("212", "subsystem 2 reason 5"); "" for a kernel that has no reasons at all (~0).
std::string drop_reason_name(const KernelNames& names, std::uint32_t reason);

}  // namespace synfate::wire
