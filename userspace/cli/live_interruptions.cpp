// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// What happens to the session itself while it watches: it does not run for a while, the clock is set, nobody reads its output. Each is
// said; none changes what was observed, which has the kernel's own times.
#include <signal.h>

#include <cstdio>
#include <utility>

#include "cli/live.hpp"

namespace synfate::cli {
namespace {

/// It reads the ring twice a second at least; a machine that is busy may make it wait a little longer.
constexpr DurationNs kPause = 2 * kSecond;
/// What NTP corrects by slewing takes hours to become this much.
constexpr std::int64_t kClockStep = 1'000'000'000;

/// Continued just now, in the middle of a turn.
bool was_continued() {
  sigset_t waiting;
  return ::sigpending(&waiting) == 0 && ::sigismember(&waiting, SIGCONT) == 1;
}

}  // namespace

bool LiveSession::has_overslept(MonotonicNs since, int patience_ms, MonotonicNs now) {
  return now > since + static_cast<DurationNs>(patience_ms) * kMillisecond + kPause;
}

void LiveSession::note_pause() {
  const MonotonicNs now = monotonic_now();
  const judge::Pause pause{drained_ns_, now};
  drained_ns_ = now;
  const bool stalled = std::exchange(stalled_, false);
  if (pause.from_ns == 0 || pause.until_ns - pause.from_ns < kPause || !(stalled || was_continued())) return;
  engine_.pause(pause);
  recorder_.paused(pause);
}

void LiveSession::note_clock() {
  const std::int64_t offset_ns = wall_clock_now().offset_ns;
  const std::int64_t step_ns = offset_ns - said_clock_offset_ns_;
  if (step_ns > -kClockStep && step_ns < kClockStep) return;
  said_clock_offset_ns_ = offset_ns;
  char seconds[64];
  std::snprintf(seconds, sizeof seconds, "%+.1f s", static_cast<double>(step_ns) / 1e9);
  engine_.print(model::Notice{model::NoticeLevel::Warning, "clock_set",
                              std::string("this machine's clock was set by ") + seconds +
                                  " (or the machine was suspended): times are still told by the clock as it was when tracing began"});
}

void LiveSession::note_unprinted() {
  const std::uint64_t unprinted = engine_.unprinted();
  // Said where the reader is again: between the rows that were printed before and those that come.
  if (unprinted <= said_unprinted_ || output_ == nullptr || !output_->has_room()) return;
  said_unprinted_ = unprinted;
  engine_.print(model::Notice{model::NoticeLevel::Warning, "rows_unprinted", unprinted_text(unprinted)});
}

}  // namespace synfate::cli
