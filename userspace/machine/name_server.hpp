// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// One question to one name server, by c-ares, in a child that has no capability to misuse: what answers is not trusted. Refuses to know
// which servers there are, and what else to try.
#pragma once

#include "machine/machine.hpp"

namespace synfate::machine {

Result<NameReply> ask_name_server(const NameQuestion& question, const RunOptions& options);

}  // namespace synfate::machine
