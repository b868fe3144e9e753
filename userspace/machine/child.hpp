// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// A child process that ends with its parent, within bounds of time and output; refuses to know what it does.
#pragma once

#include <functional>
#include <string>

#include "base/unique_fd.hpp"
#include "machine/machine.hpp"

namespace synfate::machine {

/// A child's ends of its pipes.
struct ChildEnds {
  int out = -1;
  int err = -1;
  int report = -1;
};

/// Why a child could not become what it was to be, sent up as it is.
struct ChildFailure {
  int step = 0;
  int error_number = 0;
};

/// Sends the calling child's errno up and ends it.
[[noreturn]] void give_up(const ChildEnds& ends, int step);
/// Leaves the calling process no capability but CAP_NET_ADMIN and CAP_NET_RAW, and no way to gain one. Errno when it fails.
bool keep_network_capabilities_only();

/// Forks; body runs in the child, with default signals, in a session of its own, and must end it: with exec, _exit or give_up.
Result<CommandOutput> run_child(const std::string& what, const RunOptions& options, const std::function<void(const ChildEnds&)>& body,
                                const std::function<Error(const ChildFailure&)>& explain);

}  // namespace synfate::machine
