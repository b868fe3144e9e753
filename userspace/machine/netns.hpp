// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Opening a network namespace and standing in it on a thread of its own; refuses to move the caller's thread.
#pragma once

#include <functional>
#include <string>

#include "machine/machine.hpp"

namespace synfate::machine {

Result<NetnsHandle> open_netns_at(const std::string& path);
/// See Machine::inside.
Status visit_netns(const NetnsHandle& netns, const std::function<void(NetnsVisit&)>& visit);

}  // namespace synfate::machine
