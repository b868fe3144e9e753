// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "wire/kernel_names.hpp"

#include <string_view>

namespace synfate::wire {

std::string drop_reason_name(const KernelNames& names, std::uint32_t reason) {
  constexpr std::uint32_t kNoReasons = ~std::uint32_t{0};
  if (reason == kNoReasons) return {};
  if (const auto it = names.drop_reasons.find(reason); it != names.drop_reasons.end() && !it->second.empty()) {
    constexpr std::string_view kPrefix = "SKB_DROP_REASON_";
    const std::string_view name = it->second;
    return std::string(name.starts_with(kPrefix) ? name.substr(kPrefix.size()) : name);
  }
  // enum skb_drop_reason_subsys: the upper half belongs to mac80211, openvswitch and the like, whose names are not in vmlinux.
  const std::uint32_t subsystem = reason >> 16;
  if (subsystem == 0) return std::to_string(reason);
  return "subsystem " + std::to_string(subsystem) + " reason " + std::to_string(reason & 0xffffU);
}

}  // namespace synfate::wire
