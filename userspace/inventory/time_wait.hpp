// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Whether a namespace has a certain connection in TIME_WAIT: one question to inet_diag, where that loads no module.
#pragma once

#include "machine/machine.hpp"
#include "model/inventory.hpp"

namespace synfate::inventory {

/// flow: as the SYN has it that meets that connection.
machine::NetlinkRequest connection_request(const model::Flow& flow);
/// The answer is about a connection in TIME_WAIT, and not about the listener that the kernel finds where there is none.
bool is_time_wait(const std::string& messages);
void read_time_wait_of(machine::NetnsVisit& visit, model::Netns& netns, const model::Flow& flow);

}  // namespace synfate::inventory
