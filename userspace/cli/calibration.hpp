// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Learns what the running kernel's stack frames mean: a child with a private network namespace, known rules, known policies, known entries
// of the hook, and one SYN to loopback for each. Rules of nf_tables are made only where nf_tables is there already, so nothing is ever
// loaded for it. The namespace dies with the child, the child with synfate.
#pragma once

#include <cstdint>
#include <optional>

#include "base/result.hpp"
#include "base/time.hpp"
#include "cli/engine.hpp"
#include "machine/private_netns.hpp"
#include "probe/probe.hpp"

namespace synfate::cli {

class Calibration {
 public:
  enum class State { Idle, Preparing, Measuring, Done, Failed };

  /// Starts the child; poll fd() then. with_nft: nf_tables is loaded, so its frames can be learnt too.
  void start(MonotonicNs now, bool with_nft, std::optional<machine::PrivateNetns> prepared = std::nullopt);
  /// The child alone, for a start() to come: making its namespace takes as long as loading programs does.
  static std::optional<machine::PrivateNetns> prepare(bool with_nft);
  /// It has not been tried, or failed on a machine too busy for its patience, a few times at most.
  bool is_worth_a_try() const { return !is_under_way() && tries_ < kMaxTries; }
  /// Readable when the child has news; -1 while none is expected.
  int fd() const { return state_ == State::Preparing ? lab_->fd() : -1; }
  /// The child's namespace is ready: lets its SYNs be observed and sends them.
  void proceed(probe::Probe& probe, Engine& engine);
  /// Takes what the engine's observer saw; gives up when its time is over. Returns true when the state became Done or Failed just now.
  bool settle(MonotonicNs now, probe::Probe& probe, Engine& engine);
  /// Judgements are worth waiting for it, but no longer than until then.
  std::optional<MonotonicNs> holds_until(MonotonicNs now) const;
  bool is_under_way() const { return state_ == State::Preparing || state_ == State::Measuring; }
  State state() const { return state_; }
  /// When settle() wants to be called, whatever happens.
  MonotonicNs deadline() const;
  const probe::Frames& frames() const { return frames_; }
  /// Why what was to be learnt was not; empty if it was, or was never tried.
  const std::string& failure() const { return failure_; }

  Calibration() = default;
  Calibration(const Calibration&) = delete;
  Calibration& operator=(const Calibration&) = delete;

 private:
  static constexpr unsigned kMaxTries = 5;

  State state_ = State::Idle;
  unsigned tries_ = 0;
  MonotonicNs give_up_ns_ = 0;
  MonotonicNs hold_ns_ = 0;
  MonotonicNs repeat_ns_ = 0;
  std::optional<machine::PrivateNetns> lab_;
  bool with_nft_ = false;
  model::NetnsId calibration_netns_ = 0;
  probe::Frames frames_;
  std::string failure_;
};

/// The whole of it at once, for `doctor`: what this kernel's frames teach. Takes up to a few seconds.
probe::Frames learn_frames_now(probe::Probe& probe, bool with_nft);

}  // namespace synfate::cli
