// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// When connect() gives up: the kernel's timer of a socket in SYN_SENT, played through.
#include <algorithm>
#include <bit>

#include "base/text.hpp"
#include "judge/case.hpp"
#include "judge/judge.hpp"

namespace synfate::judge {
namespace {

constexpr std::uint64_t kFirstTimeoutMs = 1000;
constexpr std::uint64_t kLongestTimeoutMs = 120'000;
constexpr std::uint64_t kMostRetries = 255;
constexpr std::uint8_t kSynSent = 2;
constexpr std::uint8_t kClosed = 7;

struct Limits {
  std::uint64_t retries = 0;          ///< TCP_SYNCNT, else tcp_syn_retries
  std::uint64_t linear = 0;           ///< tcp_syn_linear_timeouts, Linux 6.5 (ccce324dabfe)
  std::uint64_t longest_ms = 0;       ///< tcp_rto_max_ms, Linux 6.15 (1280c26228bd)
  std::uint64_t user_timeout_ms = 0;  ///< TCP_USER_TIMEOUT; 0: none
};

/// The sysctl's number; `absent` when it was not read, nothing when it is not a number of that kind.
std::optional<std::uint64_t> number(const model::Netns& netns, const std::string& key, std::optional<std::uint64_t> absent) {
  const auto it = netns.sysctls.find(key);
  if (it == netns.sysctls.end()) return absent;
  return parse_number(trim(it->second));
}

std::optional<Limits> limits_of(const model::Journey& journey, const model::Netns& netns) {
  const auto of_socket = journey.limits.syn_retries == 0 ? std::nullopt : std::optional<std::uint64_t>(journey.limits.syn_retries);
  const auto retries = of_socket ? of_socket : number(netns, "net.ipv4.tcp_syn_retries", std::nullopt);
  const auto linear = number(netns, "net.ipv4.tcp_syn_linear_timeouts", 0);
  const auto longest = number(netns, "net.ipv4.tcp_rto_max_ms", kLongestTimeoutMs);
  if (!retries || !linear || !longest || *retries == 0 || *retries > kMostRetries || *linear > kMostRetries || *longest < kFirstTimeoutMs) {
    return std::nullopt;
  }
  return Limits{*retries, *linear, *longest, journey.limits.user_timeout_ms};
}

/// tcp_model_timeout(): how long that many retransmits would take if each timeout were double the one before.
std::uint64_t model_ms(const Limits& limits) {
  const auto doublings = static_cast<std::uint64_t>(std::bit_width(limits.longest_ms / kFirstTimeoutMs)) - 1;
  const std::uint64_t doubled = std::min(limits.retries, doublings);
  return ((std::uint64_t{2} << doubled) - 1) * kFirstTimeoutMs + (limits.retries - doubled) * limits.longest_ms;
}

/// tcp_retransmit_timer() and tcp_write_timeout(). Retransmits are counted up to tcp_syn_retries and tcp_syn_linear_timeouts together, but
/// the time that has passed is compared with what tcp_syn_retries alone would take: the first of the two ends it.
std::uint64_t gives_up_ms(const Limits& limits) {
  const std::uint64_t enough_ms = limits.user_timeout_ms != 0 ? limits.user_timeout_ms : model_ms(limits);
  std::uint64_t now_ms = 0;
  std::uint64_t timeout_ms = kFirstTimeoutMs;
  std::uint64_t wait_ms = timeout_ms;
  for (std::uint64_t sent = 0;; ++sent) {
    now_ms += wait_ms;
    if (sent >= limits.retries + limits.linear || (sent > 0 && now_ms >= enough_ms)) return now_ms;
    if (sent >= limits.linear) timeout_ms = std::min(timeout_ms * 2, limits.longest_ms);
    wait_ms = timeout_ms;
    // tcp_clamp_rto_to_user_timeout(), Linux 4.19 (b701a99e431d); one that has passed is met a tick later.
    if (limits.user_timeout_ms != 0) wait_ms = now_ms >= limits.user_timeout_ms ? 1 : std::min(wait_ms, limits.user_timeout_ms - now_ms);
  }
}

/// A BPF program of the cgroup may set another first timeout (BPF_SOCK_OPS_TIMEOUT_INIT): then the SYN is sent again too soon.
bool keeps_another_time(const model::Journey& journey) {
  for (const model::Event& event : journey.events) {
    const auto* socket = event.get<model::SocketEvent>();
    if (socket == nullptr || socket->kind != model::SocketEventKind::Retransmit) continue;
    return journey.client.known() && event.time_ns < journey.first_ns + kFirstTimeout * 9 / 10;
  }
  return false;
}

}  // namespace

std::optional<unsigned> gives_up_after_s(const model::Journey& journey, const model::Inventory& inventory) {
  if (!journey.local_client || !journey.sent_a_syn || keeps_another_time(journey)) return std::nullopt;
  const model::Netns* netns = inventory.find(journey.origin_netns);
  if (netns == nullptr) return std::nullopt;
  const auto limits = limits_of(journey, *netns);
  if (!limits) return std::nullopt;
  return static_cast<unsigned>((gives_up_ms(*limits) + 500) / 1000);
}

std::optional<DurationNs> gave_up_after(const model::Journey& journey) {
  for (const model::Event& event : journey.events) {
    const auto* socket = event.get<model::SocketEvent>();
    // The kernel gives up with an error, the application without.
    if (socket == nullptr || socket->kind != model::SocketEventKind::State || socket->at_server || socket->error != 0) continue;
    if (socket->old_state != kSynSent || socket->new_state != kClosed || event.time_ns < journey.first_ns + kFirstTimeout) continue;
    return event.time_ns - journey.first_ns;
  }
  return std::nullopt;
}

bool tells_of_giving_up(const model::Journey& journey, const model::Verdict& verdict) {
  const bool waited =
      verdict.fate == model::Fate::Unanswered || verdict.fate == model::Fate::Parked || verdict.fate == model::Fate::Vanished;
  return waited && gave_up_after(journey).has_value();
}

}  // namespace synfate::judge
