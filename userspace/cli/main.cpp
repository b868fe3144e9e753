// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Parse, pick the command, run it.
#include <cstdio>
#include <type_traits>

#include "cli/demo.hpp"
#include "cli/doctor.hpp"
#include "cli/live.hpp"
#include "cli/options.hpp"
#include "cli/pods.hpp"
#include "cli/replay.hpp"

int main(int argc, char** argv) {
  using namespace synfate::cli;
  const auto parsed = parse_options(argc, argv);
  if (const auto* leave = std::get_if<Leave>(&parsed)) {
    std::fputs(leave->text.c_str(), leave->to_stderr ? stderr : stdout);
    return leave->status;
  }
  const Options& options = std::get<Options>(parsed);
  switch (options.command) {
    case Command::Trace:
    case Command::Run: return run_live(options);
    case Command::Pods: return pods(options);
    case Command::Doctor: return doctor(options);
    case Command::Replay: return replay(options);
    case Command::Demo: return demo(options);
  }
  return 1;
}
