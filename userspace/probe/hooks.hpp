// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// The one table of programs: which tracepoint each needs, when it is wanted, and what is not seen without it. The attach plan, doctor
// and the tests read this.
#pragma once

#include <span>
#include <string_view>

namespace synfate::probe {

enum class Need {
  Must,    ///< without it there is no answer
  Nice,    ///< without it less is seen: `consequence`
  Detail,  ///< attached only when every event is wanted (run, --all)
  Tree,    ///< attached only for `run`
  Scope,   ///< attached to single devices, in place of the programs of feature "hops", where the scope tells which
};

struct Hook {
  std::string_view program;     ///< name in the BPF object
  std::string_view tracepoint;  ///< name after btf_trace_; empty for programs that user space runs itself
  Need need;
  std::string_view feature;      ///< the name for --without and for doctor
  std::string_view consequence;  ///< what is not seen without it
};

std::span<const Hook> hooks();

}  // namespace synfate::probe
