// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// trace and run: a live session, its output, and the exit status of both together.
#include <unistd.h>

#include <cstdio>

#include "cli/exit_status.hpp"
#include "cli/live.hpp"
#include "cli/output.hpp"

namespace synfate::cli {

int run_live(const Options& options) {
  const WallClock clock = wall_clock_now();
  OutputQueue output(STDOUT_FILENO);
  // The rows of a command are what its user asked for: each of them.
  const auto sink = options.command == Command::Run ? make_sink(options, clock, queue_writer(output))
                                                    : make_folding_sink(options, clock, queue_writer(output));
  auto session = LiveSession::start(options, *sink, clock, &output);
  if (!session) {
    complain(session.error());
    return exit_status(session.error());
  }
  if (options.command == Command::Run) {
    if (Status prepared = (*session)->prepare_child([&] { return Child::fork_behind_gate(options.argv); }); !prepared) {
      complain(prepared.error());
      return kCannotRun;
    }
  }
  const int status = (*session)->loop([&] {
    if (options.command == Command::Trace && ::isatty(STDERR_FILENO) == 1) {
      std::fputs("synfate: watching this machine for connection attempts that fail; Ctrl-C ends with a summary\n", stderr);
    }
  });
  // Nothing of it is left in the kernel while a reader takes its time.
  session->reset();
  const bool told = finish_output(output);
  return told || options.command == Command::Run || status != kDone ? status : kEvidenceLost;
}

}  // namespace synfate::cli
