// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// ttl: it was passed on once too often. checksum: it was damaged, or never finished, before it came here.
#include <algorithm>

#include "judge/answers.hpp"
#include "judge/cause_table.hpp"
#include "judge/devices.hpp"
#include "judge/words.hpp"

namespace synfate::judge {
namespace {

using model::Drop;
using model::Event;
using model::HopKind;
using model::Stage;

constexpr std::uint8_t kLastTtl = 1;
/// One more could be a copy.
constexpr std::ptrdiff_t kLoop = 3;

/// ip_forward() gives IP_INHDR to bad options too; older kernels give ip6_forward()'s no reason.
bool is_expired(const Case& kase, const Event& event, const Drop& drop) {
  const std::string_view function = drop.symbol.function;
  if (drop.ttl > kLastTtl || (function != "ip_forward" && function != "ip6_forward")) return false;
  return drop.reason == "IP_INHDR" || (is_unnamed(drop) && icmp_error_at(kase, event, IcmpKind::TimeExceeded));
}

std::ptrdiff_t arrivals(const Case& kase, const Event& drop) {
  const auto& hops = kase.hops(drop.leg);
  return std::count_if(hops.begin(), hops.end(), [&](const Event* hop) {
    return hop->get<model::Hop>()->kind == HopKind::Receive && hop->place.same_device(drop.place) && hop->time_ns <= drop.time_ns &&
           drop.time_ns - hop->time_ns <= kSameRound;
  });
}

/// The device that the packet was last sent by before it was found broken, else the one that it came in by.
const Event* sender(const Case& kase, const Event& drop) {
  const Event* found = nullptr;
  for (const Event* hop : kase.hops(drop.leg)) {
    if (hop->time_ns > drop.time_ns) break;
    if (found == nullptr || hop->get<model::Hop>()->kind == HopKind::Xmit) found = hop;
  }
  return found;
}

}  // namespace

std::optional<Finding> match_ttl(const Case& kase) {
  if (kase.drop() == nullptr || !is_expired(kase, *kase.drop_event(), *kase.drop())) return std::nullopt;
  const Event& event = *kase.drop_event();
  const bool ipv6 = event.flow.family() == 6;
  const std::string name = ipv6 ? "hop limit" : "TTL";
  Finding finding = finding_about_drop(kase, Stage::Forward);
  finding.summary = "its " + name + " ran out in " + netns_words(kase, event.place.netns);
  finding.evidence.push_back("its " + name + " was " + std::to_string(kase.drop()->ttl) + " when it was to be forwarded");
  if (const auto answer = icmp_error_at(kase, event, IcmpKind::TimeExceeded)) finding.evidence.push_back(answer->words);
  if (const std::ptrdiff_t times = arrivals(kase, event); times >= kLoop) {
    finding.summary += ": a routing loop";
    finding.evidence.push_back("one and the same packet came to " + place_words(kase, event.place) + " at least " + std::to_string(times) +
                               " times: it goes in a circle");
    finding.next = in_netns(kase, event.place.netns, ip_command(event.flow) + " route get " + to_string(event.flow.dst.address));
    return finding;
  }
  if (!kase.sees(event.place.netns, event.time_ns) && arrivals(kase, event) == 0) {
    finding.doubts.push_back("how it came to " + place_words(kase, event.place) +
                             " was not observed, since only devices on the scope's ways are: it may go in a circle");
    finding.next = in_netns(kase, event.place.netns, ip_command(event.flow) + " route get " + to_string(event.flow.dst.address));
    return finding;
  }
  if (const auto value = kase.sysctl(kase.journey().origin_netns, "net.ipv4.ip_default_ttl"); value && !ipv6) {
    finding.evidence.push_back("net.ipv4.ip_default_ttl in " + netns_words(kase, kase.journey().origin_netns) + " is " + clean(*value));
  }
  finding.next =
      in_netns(kase, kase.journey().origin_netns, ipv6 ? "sysctl -a -r 'net.ipv6.conf.*.hop_limit'" : "sysctl net.ipv4.ip_default_ttl");
  return finding;
}

std::optional<Finding> match_checksum(const Case& kase) {
  if (kase.drop() == nullptr) return std::nullopt;
  const bool ip = kase.drop()->reason == "IP_CSUM";
  if (!ip && kase.drop()->reason != "TCP_CSUM") return std::nullopt;
  const Event& event = *kase.drop_event();
  Finding finding = finding_about_drop(kase, ip ? Stage::Prerouting : Stage::Socket);
  finding.summary = std::string("wrong ") + (ip ? "IP" : "TCP") + " checksum";
  finding.evidence.push_back("the receiver computed the checksum and found another than the one in the header");
  const Event* from = sender(kase, event);
  if (from == nullptr) {
    finding.next = in_netns(kase, event.place.netns, "ethtool -k " + shell_word(event.place.device));
    return finding;
  }
  const bool came_in = std::any_of(kase.hops(event.leg).begin(), kase.hops(event.leg).end(),
                                   [&](const Event* hop) { return hop->place.netns == event.place.netns; });
  if (!came_in && !kase.sees(event.place.netns, event.time_ns))
    finding.doubts.emplace_back("what it passed since was not observed, since only devices on the scope's ways are");
  const bool outside = is_edge(from->place) && from->get<model::Hop>()->kind != HopKind::Xmit;
  finding.evidence.push_back(outside ? "it came in so by " + place_words(kase, from->place) + ", or its driver broke it"
                                     : "it was last sent by " + place_words(kase, from->place) +
                                           ": who made or changed it before did not finish the checksum, or its offload does not work");
  finding.next = in_netns(kase, from->place.netns, "ethtool -k " + shell_word(from->place.device));
  return finding;
}

}  // namespace synfate::judge
