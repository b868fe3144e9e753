// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Rows and connects of `probe` brought together: the exit status, and what is said of a connect() without a row.
#include "cli/probe_ledger.hpp"

#include <doctest/doctest.h>

#include <cerrno>

#include "cli/exit_status.hpp"

using namespace synfate;
using namespace synfate::cli;
using model::Fate;

namespace {

struct Heard final : render::Sink {
  std::vector<std::string> lines;

  bool attempt(const model::Attempt& attempt) override { return lines.emplace_back("row " + std::to_string(attempt.id)).size() != 0; }
  bool notice(const model::Notice& notice) override { return lines.emplace_back(notice.code + ": " + notice.text).size() != 0; }
  bool summary(const model::Summary&) override { return lines.emplace_back("summary").size() != 0; }
};

/// One connect() after the other, each ten time units long.
struct Course {
  Heard heard;
  ProbeLedger ledger{heard, {"10.0.0.1:80", "[fd00::1]:80"}};
  MonotonicNs now = 100;
  std::uint64_t id = 0;

  Course& row(Fate fate, MonotonicNs at) {
    model::Attempt attempt;
    attempt.id = ++id;
    attempt.journey.first_ns = at;
    attempt.verdict.fate = fate;
    (void)ledger.attempt(attempt);
    return *this;
  }
  Course& connect(ConnectReport::Outcome outcome, int error, std::optional<Fate> fate, std::uint32_t round = 0, std::uint32_t address = 0) {
    if (fate) row(*fate, now + 3);
    ConnectReport report;
    report.begin_ns = now;
    report.end_ns = now + 9;
    report.round = round;
    report.address = address;
    report.outcome = outcome;
    report.error = error;
    ledger.add(report);
    now += 10;
    return *this;
  }
  int status(bool interrupted = false) const { return ledger.exit_status(interrupted); }
};

}  // namespace

TEST_CASE("an exit status for each fate") {
  CHECK(exit_status_of(Fate::Established) == 0);
  CHECK(exit_status_of(Fate::Dropped) == 10);
  CHECK(exit_status_of(Fate::Refused) == 11);
  CHECK(exit_status_of(Fate::ClosedEarly) == 11);
  CHECK(exit_status_of(Fate::Unanswered) == 12);
  CHECK(exit_status_of(Fate::Vanished) == 13);
  CHECK(exit_status_of(Fate::Parked) == 13);
  CHECK(exit_status_of(Fate::Unfinished) == 3);
}

TEST_CASE("the last revision of a row counts") {
  Course course;
  course.connect(ConnectReport::Connected, 0, Fate::Dropped);
  course.id = 0;
  course.row(Fate::Established, 103);
  CHECK(course.status() == 0);
}

TEST_CASE("of several rounds the highest status, of several addresses the one that was reached") {
  CHECK(Course()
            .connect(ConnectReport::Connected, 0, Fate::Established, 0)
            .connect(ConnectReport::TimedOut, ETIMEDOUT, Fate::Dropped, 1)
            .status() == 10);
  CHECK(Course()
            .connect(ConnectReport::TimedOut, ETIMEDOUT, Fate::Unanswered, 0)
            .connect(ConnectReport::Failed, ECONNREFUSED, Fate::Refused, 1)
            .status() == 12);
  CHECK(Course()
            .connect(ConnectReport::Failed, ENETUNREACH, Fate::Refused, 0, 1)
            .connect(ConnectReport::Connected, 0, Fate::Established, 0, 0)
            .status() == 0);
  CHECK(Course()
            .connect(ConnectReport::Failed, ENETUNREACH, Fate::Refused, 0, 1)
            .connect(ConnectReport::TimedOut, ETIMEDOUT, Fate::Dropped, 0, 0)
            .status() == 11);
}

TEST_CASE("what is not decided is no fate, unless connect() itself tells it") {
  CHECK(Course().connect(ConnectReport::TimedOut, ETIMEDOUT, Fate::Unfinished).status() == 3);
  CHECK(Course().connect(ConnectReport::Connected, 0, Fate::Unfinished).status() == 0);
  CHECK(Course()
            .connect(ConnectReport::TimedOut, ETIMEDOUT, Fate::Unfinished, 0)
            .connect(ConnectReport::TimedOut, ETIMEDOUT, Fate::Dropped, 1)
            .status() == 10);
  CHECK(Course()
            .connect(ConnectReport::TimedOut, ETIMEDOUT, Fate::Unfinished, 0)
            .connect(ConnectReport::Connected, 0, Fate::Established, 1)
            .status() == 3);
  CHECK(Course().status() == 3);
}

TEST_CASE("an interruption") {
  CHECK(Course().status(true) == 130);
  CHECK(Course().row(Fate::Unfinished, 101).status(true) == 130);
  CHECK(Course().row(Fate::Dropped, 101).status(true) == 10);
  CHECK(Course().connect(ConnectReport::Connected, 0, Fate::Established).row(Fate::Unanswered, 150).status(true) == 12);
}

TEST_CASE("a connect() without a row is spoken of before the summary") {
  Course course;
  course.connect(ConnectReport::Failed, EPERM, std::nullopt);
  course.connect(ConnectReport::Failed, EADDRNOTAVAIL, std::nullopt, 1, 1);
  course.connect(ConnectReport::Failed, ECONNREFUSED, Fate::Refused, 2);
  (void)course.ledger.summary({});
  REQUIRE(course.heard.lines.size() == 4);
  CHECK(course.heard.lines[1].starts_with(
      "connect_failed: connect() to 10.0.0.1:80 failed at once: Operation not permitted; no SYN was sent. A BPF program"));
  CHECK(course.heard.lines[2] ==
        "connect_failed: connect() to [fd00::1]:80 (number 2) failed at once: Cannot assign requested address; no SYN was sent");
  CHECK(course.heard.lines[3] == "summary");
  CHECK(course.status() == 11);
  Course unseen;
  CHECK(unseen.connect(ConnectReport::TimedOut, ETIMEDOUT, std::nullopt).status() == 13);
  (void)unseen.ledger.summary({});
  CHECK(unseen.heard.lines.front().starts_with("connect_unseen: "));
}

TEST_CASE("a recording that failed is lost evidence") {
  Course course;
  course.connect(ConnectReport::Connected, 0, Fate::Established);
  (void)course.ledger.notice({model::NoticeLevel::Warning, "recording_failed", ""});
  CHECK(course.status() == 3);
}
