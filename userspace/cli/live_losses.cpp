// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// What a live session did not see: counted, said, and handed to whoever judges. It does not guess what was in it.
#include <algorithm>

#include "cli/live.hpp"
#include "cli/untold.hpp"

namespace synfate::cli {
namespace {

constexpr DurationNs kSayLossesEvery = 1 * kSecond;
/// A flood may go on for hours.
constexpr DurationNs kSayCrowdsEvery = 10 * kSecond;

}  // namespace

probe::Counters LiveSession::counters() const {
  probe::Counters counters = probe_.counters();
  // Either way the event was not told.
  counters[WIRE_COUNT_RING_FULL] += probe_.missed();
  return counters;
}

std::string LiveSession::lost_text() const {
  const std::uint64_t unread = probe_.counters()[WIRE_COUNT_RING_FULL];
  const std::uint64_t missed = probe_.missed();
  std::string text;
  if (unread != 0)
    text =
        std::to_string(unread) + " events lost so far: they came faster than they could be read; a filter (--netns, --dst, --port) helps";
  if (missed == 0) return text;
  return text + (text.empty() ? "" : "; ") + std::to_string(missed) +
         " events lost so far: each interrupted the very program that would have told it, which the kernel does not run twice at once";
}

std::string LiveSession::untracked_text() const {
  const std::uint64_t packets = probe_.counters()[WIRE_COUNT_TABLE_FULL];
  const std::uint64_t forgotten = engine_.forgotten();
  std::string text;
  if (packets != 0) text = std::to_string(packets) + " packets belong to attempts that had no room in the flight recorder";
  if (forgotten != 0) text += (text.empty() ? "" : "; ") + std::to_string(forgotten) + " open attempts were forgotten for newer ones";
  return text + ": more were under way at once than synfate follows";
}

void LiveSession::note_crowds(MonotonicNs now, const probe::Counters& counters) {
  const std::uint64_t crowded = counters[WIRE_COUNT_CROWDED];
  if (crowded == known_crowded_ || (said_crowded_ns_ != 0 && said_crowded_ns_ + kSayCrowdsEvery > now)) return;
  known_crowded_ = crowded;
  said_crowded_ns_ = now;
  // What is lost here is no event of anything that is told.
  recorder_.lost(now, counters);
  const model::Notice notice{model::NoticeLevel::Warning, std::string(kCrowdedCode), crowded_text(crowded, probe_.crowds())};
  recorder_.notice(now, notice);
  engine_.print(notice);
}

void LiveSession::note_losses(MonotonicNs now) {
  const probe::Counters counters = this->counters();
  note_crowds(now, counters);
  const std::uint64_t lost = counters[WIRE_COUNT_RING_FULL];
  const std::uint64_t untracked = counters[WIRE_COUNT_TABLE_FULL] + engine_.forgotten();
  if (lost == known_lost_ && untracked == known_untracked_) return;
  engine_.lose(static_cast<unsigned>(std::min<std::uint64_t>(lost - known_lost_, 1U << 20)));
  known_lost_ = lost;
  known_untracked_ = untracked;
  recorder_.lost(now, counters);
  if (said_lost_ns_ != 0 && said_lost_ns_ + kSayLossesEvery > now) return;
  said_lost_ns_ = now;
  if (lost != 0) {
    engine_.print(model::Notice{model::NoticeLevel::Warning, "events_lost", lost_text()});
  }
  if (untracked != 0) engine_.print(model::Notice{model::NoticeLevel::Warning, "attempts_untracked", untracked_text()});
}

}  // namespace synfate::cli
