// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// When connect() gives up. The kernel's schedule: the first timeout is a second; it stays so for tcp_syn_linear_timeouts retransmits
// (6.5+), then doubles tcp_syn_retries times, never above the longest timeout.
#include <algorithm>

#include "base/text.hpp"
#include "judge/case.hpp"
#include "judge/judge.hpp"

namespace synfate::judge {
namespace {

constexpr std::uint64_t kFirstTimeoutMs = 1000;
constexpr std::uint64_t kLongestTimeoutMs = 120'000;
constexpr std::uint64_t kMostRetries = 255;

/// The sysctl's number; `absent` when it was not read, nothing when it is not a number of that kind.
std::optional<std::uint64_t> number(const model::Netns& netns, const std::string& key, std::optional<std::uint64_t> absent) {
  const auto it = netns.sysctls.find(key);
  if (it == netns.sysctls.end()) return absent;
  return parse_number(trim(it->second));
}

}  // namespace

std::optional<unsigned> gives_up_after_s(const model::Journey& journey, const model::Inventory& inventory) {
  if (!journey.local_client || !journey.sent_a_syn) return std::nullopt;
  const model::Netns* netns = inventory.find(journey.origin_netns);
  if (netns == nullptr) return std::nullopt;
  const auto retries = number(*netns, "net.ipv4.tcp_syn_retries", std::nullopt);
  const auto linear = number(*netns, "net.ipv4.tcp_syn_linear_timeouts", 0);
  const auto longest = number(*netns, "net.ipv4.tcp_rto_max_ms", kLongestTimeoutMs);
  if (!retries || !linear || !longest || *retries == 0 || *retries > kMostRetries || *linear > kMostRetries || *longest < kFirstTimeoutMs) {
    return std::nullopt;
  }
  std::uint64_t total_ms = *linear * kFirstTimeoutMs;
  std::uint64_t timeout_ms = kFirstTimeoutMs;
  for (std::uint64_t sent = 0; sent <= *retries; ++sent) {
    total_ms += timeout_ms;
    timeout_ms = std::min(timeout_ms * 2, *longest);
  }
  return static_cast<unsigned>(total_ms / 1000);
}

}  // namespace synfate::judge
