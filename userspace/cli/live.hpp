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
#include "cli/output_queue.hpp"
#include "cli/recorder.hpp"
#include "cli/rule_watch.hpp"
#include "cli/scoped_devices.hpp"
#include "cli/surroundings.hpp"
#include "machine/real.hpp"
#include "probe/probe.hpp"

namespace synfate::cli {

class LiveSession {
 public:
  /// Loads, attaches, opens the recording; nothing is printed yet. `sink` outlives the session, and so does the queue that it writes to, if
  /// it writes to one.
  static Result<std::unique_ptr<LiveSession>> start(const Options& options, render::Sink& sink, const WallClock& clock,
                                                    OutputQueue* output = nullptr);

  /// What `run` and `probe` follow, waiting at its gate: `fork` forks once.
  Status prepare_child(const std::function<Result<Child>()>& fork);
  /// `armed` is called once everything is watched, after --ready-fd was written. Returns the exit status.
  int loop(const std::function<void()>& armed = {});
  /// Ends the loop at its next turn.
  void end_soon() { ending_ = true; }
  /// A descriptor of the caller's, and what the loop is to do whenever it is readable.
  void watch(int fd, std::function<void()> readable) {
    watched_fd_ = fd;
    on_watched_ = std::move(readable);
  }
  /// Also from within what watch() was given.
  void stop_watching() { watched_fd_ = -1; }

 private:
  LiveSession(const Options& options, render::Sink& sink, const WallClock& clock, OutputQueue* output, probe::KernelFeatures features,
              probe::Probe probe);

  Status open_recording();
  Status watch_signals();
  /// When the command has been forked: its own are left as they are.
  void give_up_privileges();
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
  void wait_for_tables();
  void trace_listeners();
  void calibrate_first();
  std::string calibration_failure() const;
  void drain();
  void tick(MonotonicNs now);
  void judge_due(MonotonicNs now);
  /// Tells the kernel what --pod and --node stand for by now.
  void name_scope();
  /// Attaches to what the scope is; before anyone is told that all is armed.
  void attach_scope();
  /// The kernel side's, with the events that it could not even begin with counted as lost.
  probe::Counters counters() const;
  std::string lost_text() const;
  std::string untracked_text() const;
  void note_losses(MonotonicNs now);
  /// It did not run, the clock was set, rows had no room: whatever happened to the session itself is said.
  void note_pause();
  static bool has_overslept(MonotonicNs since, int patience_ms, MonotonicNs now);
  void note_clock();
  void note_unprinted();
  bool is_unread() const { return engine_.is_broken() || (output_ != nullptr && output_->is_broken()); }
  void note_crowds(MonotonicNs now, const probe::Counters& counters);
  void take_signal();
  int timeout_ms(MonotonicNs now) const;
  int finish(MonotonicNs now);

  const Options& options_;
  WallClock clock_;
  OutputQueue* output_;
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
  MonotonicNs next_trim_ns_ = 0;  ///< when free memory is given back
  MonotonicNs drained_ns_ = 0;
  bool stalled_ = false;  ///< it was stopped or got no CPU since then: not all of that time was its own work
  std::int64_t said_clock_offset_ns_;
  std::uint64_t said_unprinted_ = 0;
  std::optional<MonotonicNs> end_ns_;
  std::optional<model::NetnsId> netns_filter_;
  NamedScope named_scope_;
  bool wants_scope_ = false;  ///< what is in scope is known by its namespaces
  std::optional<ScopedDevices> scoped_;
  std::optional<MonotonicNs> linger_until_ns_;
  std::uint64_t known_lost_ = 0;
  std::uint64_t known_untracked_ = 0;
  MonotonicNs said_lost_ns_ = 0;
  std::uint64_t known_crowded_ = 0;
  MonotonicNs said_crowded_ns_ = 0;
  bool ending_ = false;
};

/// trace and run.
int run_live(const Options& options);

}  // namespace synfate::cli
