// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Which row is about which connect() of `probe`, what is to be said of those that got none, and the exit status that follows. Passes
// everything on as it comes.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "cli/probe_client.hpp"
#include "render/sink.hpp"

namespace synfate::cli {

class ProbeLedger final : public render::Sink {
 public:
  /// `to` outlives the ledger. The destinations are clean, in the plan's order.
  ProbeLedger(render::Sink& to, std::vector<std::string> destinations) : to_(to), destinations_(std::move(destinations)) {}

  void add(const ConnectReport& report) { reports_.push_back(report); }

  bool attempt(const model::Attempt& attempt) override;
  bool notice(const model::Notice& notice) override;
  /// What is to be said of connects without a row comes before it.
  bool summary(const model::Summary& summary) override;

  /// Of a round the fate that is best when one of its addresses answered, else the highest; of all rounds the highest. interrupted: the
  /// child did not come to its end.
  int exit_status(bool interrupted) const;

 private:
  struct Row {
    MonotonicNs first_ns = 0;
    model::Fate fate = model::Fate::Unfinished;
  };
  const Row* row_of(const ConnectReport& report) const;
  bool has_report(const Row& row) const;
  std::optional<model::Notice> complaint(const ConnectReport& report) const;

  render::Sink& to_;
  std::vector<std::string> destinations_;
  std::vector<ConnectReport> reports_;
  std::map<std::uint64_t, Row> rows_;  ///< by the attempt's id
  bool recording_failed_ = false;
};

/// The exit status that stands for a fate; kEvidenceLost for one that is not decided.
int exit_status_of(model::Fate fate);

}  // namespace synfate::cli
