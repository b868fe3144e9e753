// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// An iptables-legacy table as the kernel has it, of the namespace that the calling thread stands in. Refuses to ask for a table that is not
// there, because asking makes it; loads no module, opens no socket that receives.
#pragma once

#include <string>

#include "machine/machine.hpp"

namespace synfate::machine {

/// See NetnsVisit::xt_table.
Result<XtTableBytes> read_xt_table_here(int family, const std::string& table, std::size_t max_bytes);

}  // namespace synfate::machine
