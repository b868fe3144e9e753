// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Counts what another sink has printed, so that exit statuses come from facts and never from text. Prints nothing itself.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>

#include "render/sink.hpp"

namespace synfate::render {

/// What was printed; of an attempt only its last revision counts.
struct Counts {
  std::map<model::Fate, std::uint64_t> attempts;
  std::array<std::uint64_t, 3> by_confidence{};  ///< indexed by model::Confidence
  std::uint64_t rows = 0;                        ///< revisions included
  std::uint64_t warnings = 0;
  std::uint64_t gaps = 0;              ///< of the summary
  std::uint64_t events_lost = 0;       ///< of the summary
  bool attempt_lost_evidence = false;  ///< a printed attempt had hops or events missing, or no flight record

  /// Nothing while no attempt was printed.
  std::optional<model::Confidence> worst_confidence() const;
  bool evidence_lost() const { return events_lost != 0 || attempt_lost_evidence; }
};

class CountingSink final : public Sink {
 public:
  /// `next` outlives this sink.
  explicit CountingSink(Sink& next) : next_(next) {}

  bool attempt(const model::Attempt& attempt) override;
  bool notice(const model::Notice& notice) override;
  bool summary(const model::Summary& summary) override;

  const Counts& counts() const { return counts_; }

 private:
  struct Last {
    model::Fate fate;
    model::Confidence confidence;
  };

  Sink& next_;
  Counts counts_;
  /// By attempt id; the oldest are forgotten, since a revision comes within minutes or never.
  std::map<std::uint64_t, Last> last_;
};

}  // namespace synfate::render
