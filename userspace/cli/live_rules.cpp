// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// How a live session comes to tell rules and refusals: the programs that it loads for that, and what it learns before it says that it is
// armed. It watches nothing afterwards.
#include <poll.h>

#include <array>
#include <cerrno>

#include "cli/live.hpp"

namespace synfate::cli {

bool LiveSession::may_calibrate() const { return probe_.has_rules() && !features_.without.contains("calibration"); }

void LiveSession::load_rules() {
  if (!features_.rules) return;
  if (Status loaded = probe_.load_rules(features_); !loaded) {
    engine_.print(model::Notice{model::NoticeLevel::Warning, "rules_unavailable",
                                to_string(loaded.error()) + "; drops by netfilter are told without their rule"});
    // The tier and the gaps of the summary are of what is there.
    features_.rules = probe::Support::no(to_string(loaded.error()));
  }
}

void LiveSession::trace_listeners() {
  if (!features_.listeners) return;
  if (Status traced = probe_.trace_listeners(features_); !traced) {
    engine_.print(model::Notice{model::NoticeLevel::Warning, "listeners_untraced",
                                to_string(traced.error()) + "; why a listener refused a SYN is told from its queues and counters"});
    features_.listeners = probe::Support::no(to_string(traced.error()));
  }
}

void LiveSession::learn_frames() {
  load_rules();
  calibrate_first();
  // Without the frames, only traced functions tell the rule, or the table, of a first drop. Where not even entries are known, as
  // before 6.4, some policies are not told from the frames either.
  const bool nft = probe::nf_tables_loaded(features_);
  const probe::Frames& frames = calibration_.frames();
  if (nft && !frames.knows_rules()) {
    rule_watch_.trace_functions(probe::TraceDepth::Expressions);
  } else if (!frames.knows_entries()) {
    rule_watch_.trace_functions(nft ? probe::TraceDepth::Chains : probe::TraceDepth::Tables);
  }
}

void LiveSession::wait_for_tables() {
  // Else what dies at once is traced before its table's reading counts as before it.
  for (MonotonicNs now = monotonic_now(); now < rule_watch_.traced_surely_from_ns(); now = monotonic_now()) {
    pollfd ring{probe_.ready_fd(), POLLIN, 0};
    if (::poll(&ring, 1, static_cast<int>((rule_watch_.traced_surely_from_ns() - now + kMillisecond - 1) / kMillisecond)) < 0 &&
        errno != EINTR)
      return;
    drain();
  }
}

void LiveSession::calibrate_first() {
  if (!may_calibrate() || !probe::can_learn_frames(features_)) return;
  calibration_.start(monotonic_now(), probe::nf_tables_loaded(features_), std::move(prepared_));
  prepared_.reset();
  while (calibration_.is_under_way()) {
    std::array<pollfd, 2> fds{{{probe_.ready_fd(), POLLIN, 0}, {calibration_.fd(), POLLIN, 0}}};
    if (::poll(fds.data(), fds.size(), timeout_ms(monotonic_now())) < 0 && errno != EINTR) break;
    if (fds[1].revents != 0) calibration_.proceed(probe_, engine_);
    drain();
    (void)calibration_.settle(monotonic_now(), probe_, engine_);
  }
  if (calibration_.state() == Calibration::State::Done) recorder_.nft_sites(monotonic_now(), engine_.nft_sites());
}

std::string LiveSession::calibration_failure() const {
  return "calibration: " + calibration_.failure() + "; rules of nf_tables are told only by traced functions, where the kernel allows it";
}

}  // namespace synfate::cli
