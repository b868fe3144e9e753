// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "cli/probe_ledger.hpp"

#include <algorithm>
#include <cerrno>

#include "base/result.hpp"
#include "cli/exit_status.hpp"

namespace synfate::cli {
namespace {

/// A connect() that failed by itself is decided, whether or not anything was seen of it.
int status_without_row(const ConnectReport& report) {
  switch (report.outcome) {
    case ConnectReport::Connected: return kDone;
    case ConnectReport::TimedOut: return kVanished;
    default: return kRefused;
  }
}

/// Of several, what a script is to know; "not decided" only where nothing else is.
int worse(int a, int b) {
  if (a == kEvidenceLost || b == kEvidenceLost)
    return a == kEvidenceLost && b != kDone ? b : b == kEvidenceLost && a != kDone ? a : kEvidenceLost;
  return std::max(a, b);
}

}  // namespace

int exit_status_of(model::Fate fate) {
  switch (fate) {
    case model::Fate::Established: return kDone;
    case model::Fate::Dropped: return kDropped;
    // The peer hung up before anything was said: no more use to its client than a refusal.
    case model::Fate::ClosedEarly:
    case model::Fate::Refused: return kRefused;
    case model::Fate::Unanswered: return kUnanswered;
    case model::Fate::Parked:
    case model::Fate::Vanished: return kVanished;
    case model::Fate::Unfinished: return kEvidenceLost;
  }
  return kEvidenceLost;
}

bool ProbeLedger::attempt(const model::Attempt& attempt) {
  rows_[attempt.id] = {attempt.journey.first_ns, attempt.verdict.fate};
  return to_.attempt(attempt);
}

bool ProbeLedger::notice(const model::Notice& notice) {
  recording_failed_ |= notice.code == "recording_failed";
  return to_.notice(notice);
}

bool ProbeLedger::summary(const model::Summary& summary) {
  for (const ConnectReport& report : reports_) {
    if (const auto said = complaint(report)) (void)to_.notice(*said);
  }
  return to_.summary(summary);
}

/// One after the other: what was first seen while a connect() was under way is about that one.
const ProbeLedger::Row* ProbeLedger::row_of(const ConnectReport& report) const {
  for (const auto& [id, row] : rows_) {
    if (row.first_ns >= report.begin_ns && row.first_ns <= report.end_ns) return &row;
  }
  return nullptr;
}

bool ProbeLedger::has_report(const Row& row) const {
  return std::any_of(reports_.begin(), reports_.end(),
                     [&](const ConnectReport& report) { return row.first_ns >= report.begin_ns && row.first_ns <= report.end_ns; });
}

std::optional<model::Notice> ProbeLedger::complaint(const ConnectReport& report) const {
  if (row_of(report) != nullptr) return std::nullopt;
  const std::string which = "connect() to " + (report.address < destinations_.size() ? destinations_[report.address] : std::string("?"));
  const std::string round = report.round == 0 ? "" : " (number " + std::to_string(report.round + 1) + ")";
  const auto warning = [](const char* code, std::string text) { return model::Notice{model::NoticeLevel::Warning, code, std::move(text)}; };
  switch (report.outcome) {
    case ConnectReport::Connected: return warning("connect_unseen", which + round + " succeeded, and nothing was seen of it");
    case ConnectReport::TimedOut: return warning("connect_unseen", which + round + " was not answered in time, and nothing was seen of it");
    default: break;
  }
  std::string text = which + round + " failed at once: " + errno_text(report.error) + "; no SYN was sent";
  if (report.error == EPERM || report.error == EACCES) {
    text +=
        ". A BPF program at the cgroup that synfate runs in, or a security module, may refuse it; probe does not join the cgroup of "
        "whom it asks for";
  }
  return warning("connect_failed", std::move(text));
}

int ProbeLedger::exit_status(bool interrupted) const {
  std::map<std::uint32_t, std::vector<int>> rounds;
  for (const ConnectReport& report : reports_) {
    const Row* row = row_of(report);
    int status = row == nullptr ? status_without_row(report) : exit_status_of(row->fate);
    if (status == kEvidenceLost && report.outcome == ConnectReport::Connected) status = kDone;
    rounds[report.round].push_back(status);
  }
  bool decided = !reports_.empty();
  int status = kDone;
  for (const auto& [round, all] : rounds) {
    const bool reached = std::find(all.begin(), all.end(), kDone) != all.end();
    int worst = kDone;
    for (const int each : all) worst = worse(worst, each);
    status = worse(status, reached ? kDone : worst);
  }
  // The one that was under way when it was interrupted.
  for (const auto& [id, row] : rows_) {
    if (row.fate == model::Fate::Unfinished || has_report(row)) continue;
    status = worse(status, exit_status_of(row.fate));
    decided = true;
  }
  if (!decided) return interrupted ? kInterrupted : kEvidenceLost;
  return status == kDone && recording_failed_ ? kEvidenceLost : status;
}

}  // namespace synfate::cli
