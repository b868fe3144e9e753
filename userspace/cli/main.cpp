// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Parse, pick the command, run it.
#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <type_traits>

#include "base/kernel_clock.hpp"
#include "cli/demo.hpp"
#include "cli/doctor.hpp"
#include "cli/live.hpp"
#include "cli/options.hpp"
#include "cli/output.hpp"
#include "cli/pods.hpp"
#include "cli/probe.hpp"
#include "cli/replay.hpp"
#include "machine/confine.hpp"
#include "machine/time_namespace.hpp"

namespace {

/// Who was started without one of them would else open something under its number, and have messages written into that.
void keep_standard_descriptors() {
  int fd = -1;
  // Not for writing: what is written to a closed standard output fails, as it should.
  while ((fd = ::open("/dev/null", O_RDONLY)) >= 0 && fd <= STDERR_FILENO) {
  }
  if (fd > STDERR_FILENO) ::close(fd);
}

}  // namespace

int main(int argc, char** argv) {
  using namespace synfate::cli;
  keep_standard_descriptors();
  synfate::set_time_namespace_offset(synfate::machine::monotonic_ahead_of_kernel_ns());
  const auto parsed = parse_options(argc, argv);
  if (const auto* leave = std::get_if<Leave>(&parsed)) {
    std::fputs(leave->text.c_str(), leave->to_stderr ? stderr : stdout);
    return leave->status;
  }
  const Options& options = std::get<Options>(parsed);
  switch (options.command) {
    case Command::Trace:
    case Command::Run: return run_live(options);
    case Command::Probe: return probe(options);
    case Command::Pods: return pods(options);
    case Command::Doctor: return doctor(options);
    case Command::Replay:
      // Others may have made it.
      if (const auto confined = synfate::machine::confine(synfate::machine::Duty::Read); !confined) complain(confined.error());
      return replay(options);
    case Command::Demo: return demo(options);
  }
  return 1;
}
