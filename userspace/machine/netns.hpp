// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Opening a network namespace and standing in it on a thread of its own; refuses to move the caller's thread.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "machine/machine.hpp"

namespace synfate::machine {

Result<NetnsHandle> open_netns_at(const std::string& path);
/// Of the calling thread's namespace; see NetnsVisit::cookie().
Result<std::uint64_t> netns_cookie_here();
/// See Machine::inside.
Status visit_netns(const NetnsHandle& netns, const std::function<void(NetnsVisit&)>& visit);

}  // namespace synfate::machine
