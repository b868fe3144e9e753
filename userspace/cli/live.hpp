// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// A session on the running kernel: arms, then turns records into rows until it is told to end. One thread, one poll().
#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "base/result.hpp"
#include "cli/calibration.hpp"
#include "cli/child.hpp"
#include "cli/engine.hpp"
#include "cli/named_scope.hpp"
#include "cli/nftrace_session.hpp"
#include "cli/options.hpp"
#include "cli/recorder.hpp"
#include "cli/rule_watch.hpp"
#include "cli/surroundings.hpp"
#include "machine/real.hpp"
#include "probe/probe.hpp"

namespace synfate::cli {

class LiveSession {
 public:
  /// Loads, attaches, opens the recording; nothing is printed yet. `sink` outlives the session.
  static Result<std::unique_ptr<LiveSession>> start(const Options& options, render::Sink& sink, const WallClock& clock);

  /// The command of `run`, waiting at its gate.
  Status prepare_child(const std::vector<std::string>& argv);
  /// `armed` is called once everything is watched, after --ready-fd was written. Returns the exit status.
  int loop(const std::function<void()>& armed = {});
  /// Ends the loop at its next turn.
  void end_soon() { ending_ = true; }
  /// A descriptor of the caller's, and what the loop is to do whenever it is readable.
  void watch(int fd, std::function<void()> readable) {
    watched_fd_ = fd;
    on_watched_ = std::move(readable);
  }

 private:
  LiveSession(const Options& options, render::Sink& sink, const WallClock& clock, probe::KernelFeatures features, probe::Probe probe);

  Status open_recording();
  Status watch_signals();
  /// With --nftrace only. Signals are watched by then: no end of the process goes by unnoticed.
  Status start_nftrace();
  std::string tier() const;
  void write_ready() const;
  void turn(MonotonicNs now);
  bool may_calibrate() const;
  /// The programs that tell rules; without them the session goes on, and says so.
  void load_rules();
  /// Before anyone is told that all is armed.
  void learn_frames();
  void calibrate_first();
  std::string calibration_failure() const;
  void drain();
  void tick(MonotonicNs now);
  void judge_due(MonotonicNs now);
  /// Tells the kernel what --pod and --node stand for by now.
  void name_scope();
  /// The kernel side's, with the events that it could not even begin with counted as lost.
  probe::Counters counters() const;
  std::string untracked_text() const;
  void note_losses(MonotonicNs now);
  void take_signal();
  int timeout_ms(MonotonicNs now) const;
  int finish(MonotonicNs now);

  const Options& options_;
  WallClock clock_;
  probe::KernelFeatures features_;
  machine::RealMachine machine_;
  Surroundings surroundings_;
  Engine engine_;
  Recorder recorder_;
  probe::Probe probe_;
  Calibration calibration_;
  std::optional<machine::PrivateNetns> prepared_;  ///< for the first calibration
  RuleWatch rule_watch_;
  std::unique_ptr<NftraceSession> nftrace_;
  std::optional<Child> child_;
  UniqueFd signals_;
  int watched_fd_ = -1;
  std::function<void()> on_watched_;
  MonotonicNs started_ns_ = 0;
  MonotonicNs next_tick_ns_ = 0;
  std::optional<MonotonicNs> end_ns_;
  std::optional<model::NetnsId> netns_filter_;
  NamedScope named_scope_;
  std::optional<MonotonicNs> linger_until_ns_;
  std::uint64_t known_lost_ = 0;
  std::uint64_t known_untracked_ = 0;
  MonotonicNs said_lost_ns_ = 0;
  bool ending_ = false;
};

/// trace and run.
int run_live(const Options& options);

}  // namespace synfate::cli
