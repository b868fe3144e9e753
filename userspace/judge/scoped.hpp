// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// What is not known where a session observes the devices of its scope only. Empty answers everywhere else, and where it makes no
// difference.
#pragma once

#include <string>

#include "judge/case.hpp"

namespace synfate::judge {

/// Why a packet that was not seen again may have gone on all the same.
std::string unobserved_way(const Case& kase);
/// Why the drop that decides may be that of a copy, while the packet itself went where it belongs.
std::string unobserved_copy(const Case& kase);
/// Programs and filters that were asked after the one that saw it leave there, and may have sent it elsewhere.
std::string asked_afterwards(const Case& kase, const model::Event& left);

}  // namespace synfate::judge
