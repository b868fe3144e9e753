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
  /// `on_failure` is called at most once.
  void start(wire::RecordingWriter writer, std::function<void(const Error&)> on_failure);
  bool is_on() const { return writer_.has_value(); }
  bool has_failed() const { return failed_; }

  void record(std::span<const std::byte> bytes);
  void inventory(MonotonicNs now, const model::Inventory& inventory);
  void nft_sites(MonotonicNs now, const NftSites& sites);
  void judged(MonotonicNs now);
  void lost(MonotonicNs now, const wire::Counters& counters);
  void end(MonotonicNs now, const wire::Counters& counters);

 private:
  void check(const Status& status);

  std::optional<wire::RecordingWriter> writer_;
  std::function<void(const Error&)> on_failure_;
  bool failed_ = false;
};

}  // namespace synfate::cli
