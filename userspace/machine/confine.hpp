// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// What this process gives up before it reads what others wrote: capabilities, setuid programs, system calls. It decides nothing but that,
// and nothing that was forked before is touched.
#pragma once

#include <cstdint>

#include "base/result.hpp"

namespace synfate::machine {

enum class Duty {
  Watch,         ///< attaches programs, enters namespaces, runs tools
  WatchCommand,  ///< the same, and passes signals on to a command that may be another user's
  Read,          ///< reads a file, and says what is in it
};

/// A set of capabilities, a bit each.
std::uint64_t capabilities_for(Duty duty);

/// Of the calling thread and all that it starts from here on, for good. Call it while there is no other thread. An error says what was not
/// given up; the rest was.
Status confine(Duty duty);

}  // namespace synfate::machine
