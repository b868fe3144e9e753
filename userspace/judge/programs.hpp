// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// BPF programs in words, with whoever keeps them; names of theirs are untrusted and made harmless.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "judge/case.hpp"

namespace synfate::judge {

/// "BPF program drop_all (id 42)".
std::string program_name(const Case& kase, std::uint32_t id);
/// The same with tag and owner: "BPF program drop_all (id 42, tag 0123456789abcdef, held by cilium-agent[7], pinned at /sys/fs/bpf/x)".
std::string program_words(const Case& kase, std::uint32_t id);
/// "BPF LSM program guard (id 42, held by agent[7])", or where it is pinned.
std::string security_program_name(const Case& kase, std::uint32_t id);
std::string program_command(std::uint32_t id);
/// "XDP BPF program guard (id 42) in the driver of eth0": those that a device runs before there is a packet that could be seen.
std::vector<std::string> xdp_below_sight(const Case& kase, const model::Place& place);
/// "a, b and c", at most eight of them.
std::string listed(const std::vector<std::string>& words);

}  // namespace synfate::judge
