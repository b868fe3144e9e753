// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// The optional recording of a live session. A failing disk ends the recording, never the session, and is said once.
#pragma once

#include <functional>
#include <optional>

#include "cli/engine.hpp"
#include "wire/recording.hpp"
#include "wire/recording_file.hpp"

namespace synfate::cli {

class Recorder {
 public:
  /// An hour of the most that is told. A disk that synfate fills is one more incident.
  static constexpr std::uint64_t kMaxBytes = 1024ULL * 1024 * 1024;

  /// `on_failure` is called at most once. Of what comes after `max_bytes` only the end is recorded.
  void start(wire::RecordingWriter writer, std::function<void(const Error&)> on_failure, std::uint64_t max_bytes = kMaxBytes);
  bool is_on() const { return writer_.has_value(); }
  bool has_failed() const { return failed_; }

  void record(std::span<const std::byte> bytes);
  void inventory(MonotonicNs now, const model::Inventory& inventory);
  void nft_sites(MonotonicNs now, const NftSites& sites);
  /// What the session said, for a replay to say.
  void notice(MonotonicNs now, const model::Notice& notice);
  void judged(MonotonicNs now);
  void paused(const judge::Pause& pause);
  void lost(MonotonicNs now, const wire::Counters& counters);
  void end(MonotonicNs now, const wire::Counters& counters);

 private:
  /// Nothing more fits: the recording says so, once.
  bool is_full(MonotonicNs now);
  void check(const Status& status);

  std::optional<wire::RecordingWriter> writer_;
  std::function<void(const Error&)> on_failure_;
  std::uint64_t max_bytes_ = kMaxBytes;
  MonotonicNs last_ns_ = 0;
  bool full_ = false;
  bool failed_ = false;
};

}  // namespace synfate::cli
