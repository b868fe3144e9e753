// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// qdisc_drop: the queue in front of a device refused it. cpu_backlog: the queue of arrived packets of a CPU did.
#include <algorithm>
#include <array>
#include <cstdio>

#include "judge/cause_table.hpp"
#include "judge/words.hpp"

namespace synfate::judge {
namespace {

using model::Qdisc;
using model::Stage;

constexpr std::uint32_t kRoot = 0xffff'ffff;

struct Reason {
  std::string_view name;
  std::string_view words;
};

constexpr std::array<Reason, 8> kReasons{{
    {"QDISC_DROP", ""},
    {"QDISC_OVERLIMIT", ": over its limit"},
    {"QDISC_CONGESTED", ": congestion"},
    {"CAKE_FLOOD", ": a flooding flow"},
    {"FQ_BAND_LIMIT", ": its band is full"},
    {"FQ_HORIZON_LIMIT", ": its time is too far ahead"},
    {"FQ_FLOW_LIMIT", ": its flow is full"},
    {"DUALPI2_STEP_DROP", ""},
}};

/// As tc(8) says it: "1:", "1:10", "root".
std::string handle_words(std::uint32_t handle) {
  if (handle == kRoot) return "root";
  std::array<char, 16> text{};
  const unsigned minor = handle & 0xffffU;
  if (minor == 0) {
    std::snprintf(text.data(), text.size(), "%x:", handle >> 16U);
  } else {
    std::snprintf(text.data(), text.size(), "%x:%x", handle >> 16U, minor);
  }
  return text.data();
}

std::string qdisc_words(const Qdisc& qdisc) {
  return clean(qdisc.kind) + " " + handle_words(qdisc.handle) +
         (qdisc.parent == kRoot ? " (root)" : " (below " + handle_words(qdisc.parent) + ")");
}

/// What those below it drop is counted by it as well.
bool is_above(const Qdisc& qdisc, const std::vector<const Qdisc*>& others) {
  return std::any_of(others.begin(), others.end(), [&](const Qdisc* other) {
    return other != &qdisc && other->parent != kRoot && other->parent >> 16U == qdisc.handle >> 16U;
  });
}

/// Those on that device that have dropped anything since they were attached, without those that only add up.
std::vector<const Qdisc*> suspects(const model::Queues& queues, std::uint32_t ifindex) {
  std::vector<const Qdisc*> dropping;
  for (const Qdisc& qdisc : queues.qdiscs) {
    if (qdisc.ifindex == ifindex && qdisc.drops > 0) dropping.push_back(&qdisc);
  }
  std::vector<const Qdisc*> lowest;
  for (const Qdisc* qdisc : dropping) {
    if (!is_above(*qdisc, dropping)) lowest.push_back(qdisc);
  }
  return lowest;
}

void say_which(const Case& kase, const model::Place& place, std::string_view reason, Finding& finding) {
  const model::Netns* netns = kase.netns(place.netns);
  if (netns == nullptr || !netns->queues || !netns->queues->qdiscs_read || place.ifindex == 0) {
    finding.doubts.emplace_back(
        "the queueing disciplines there were not read: which of them it was is not determined, or whether the device "
        "was down, which discards by the same reason");
    return;
  }
  const auto found = suspects(*netns->queues, place.ifindex);
  for (const Qdisc* qdisc : found) {
    finding.evidence.push_back(qdisc_words(*qdisc) + " on " + clean(place.device) + " has dropped " + count_words(qdisc->drops, "packet") +
                               " since it was attached; " + std::to_string(qdisc->waiting) + " wait in it");
  }
  if (found.size() == 1) {
    // The kernel's record does not name it.
    finding.ceiling = model::Confidence::Strong;
    finding.summary = "by the queueing discipline " + qdisc_words(*found.front()) + " of " + clean(place.device);
    // Its counter was not read before the drop, and so may have stood still. Other reasons are given by queueing disciplines only.
    if (reason == "QDISC_DROP") {
      finding.doubts.emplace_back(
          "its counter is since it was attached; a device that was down at that moment discards by the same reason");
    }
  } else if (found.empty()) {
    finding.doubts.emplace_back("none of the queueing disciplines there has counted a drop when they were read: it may have been replaced");
  } else {
    finding.doubts.emplace_back("which of these queueing disciplines it was is not determined");
  }
}

}  // namespace

std::optional<Finding> match_qdisc_drop(const Case& kase) {
  if (kase.drop() == nullptr) return std::nullopt;
  const auto reason = std::find_if(kReasons.begin(), kReasons.end(), [&](const Reason& one) { return one.name == kase.drop()->reason; });
  if (reason == kReasons.end()) return std::nullopt;
  const model::Place& place = kase.drop_event()->place;
  Finding finding = finding_about_drop(kase, Stage::Qdisc);
  finding.summary = "by the queueing discipline" + (place.device.empty() ? "" : " of " + clean(place.device));
  say_which(kase, place, reason->name, finding);
  finding.summary += reason->words;
  finding.next = in_netns(kase, place.netns, "tc -s qdisc show" + (place.device.empty() ? "" : " dev " + shell_word(place.device)));
  return finding;
}

std::optional<Finding> match_cpu_backlog(const Case& kase) {
  if (kase.drop() == nullptr || kase.drop()->reason != "CPU_BACKLOG") return std::nullopt;
  const model::Event& event = *kase.drop_event();
  Finding finding = finding_about_drop(kase, Stage::Device);
  const std::string cpu = "CPU " + std::to_string(event.cpu);
  finding.summary = "the queue of arrived packets is full (seen on " + cpu + ")";
  // The packet may have been steered (RPS) to another CPU's queue than that of the one that ran.
  if (const model::Netns* netns = kase.netns(event.place.netns); netns != nullptr && netns->queues) {
    for (const model::InputQueue& queue : netns->queues->input) {
      if (queue.dropped > 0) {
        finding.evidence.push_back("the queue of CPU " + std::to_string(queue.cpu) + " has dropped " +
                                   count_words(queue.dropped, "packet") + " since the machine was started");
      }
      if (queue.flow_limited > 0) {
        finding.doubts.push_back("CPU " + std::to_string(queue.cpu) + " has dropped " + count_words(queue.flow_limited, "packet") +
                                 " for the limit of one flow (net.core.flow_limit_cpu_bitmap), by the same reason");
      }
    }
  }
  for (const auto& [id, netns] : kase.inventory().namespaces) {
    if (const auto limit = kase.sysctl(id, "net.core.netdev_max_backlog")) {
      finding.evidence.push_back("net.core.netdev_max_backlog is " + clean(*limit) + ": so many may wait for each CPU");
      break;
    }
  }
  finding.next = "sysctl net.core.netdev_max_backlog";
  if (!event.place.device.empty()) {
    finding.next += "; " + in_netns(kase, event.place.netns, "ip -s link show dev " + shell_word(event.place.device));
  }
  return finding;
}

}  // namespace synfate::judge
