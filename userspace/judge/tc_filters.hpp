// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// What is attached to a device with tc or tcx, in words. It was read near the event: it may be what acted then, and proves nothing.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "judge/case.hpp"

namespace synfate::judge {

/// Null when that side of the device was not read.
const model::TcSide* tc_side(const Case& kase, const model::Place& place, bool ingress);
/// BPF programs that the filter runs.
std::vector<std::uint32_t> programs_of(const model::TcFilter& filter);
/// "tc filter bpf pref 1 handle 0x1: BPF program drop_all (id 42, ...), action pass".
std::string filter_words(const Case& kase, const model::TcFilter& filter);
/// The same, short: its only program, or where it is.
std::string filter_name(const Case& kase, const model::TcFilter& filter);
/// A sentence about all that may have taken a packet that came in there; empty where nothing is known to be attached.
std::string tc_takers_words(const Case& kase, const model::Place& place);

}  // namespace synfate::judge
