// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// BPF programs as the kernel lists them: numbers, names, where they are attached. Loads and attaches none, and keeps none alive.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "machine/machine.hpp"

namespace synfate::machine {

/// See Machine and NetnsVisit.
Result<BpfProgramFacts> bpf_program_facts(std::uint32_t id);
Result<std::vector<BpfProgramFacts>> bpf_loaded_programs(std::uint32_t type, std::size_t max_programs);
Result<std::vector<BpfLinkFacts>> bpf_attached_links(std::size_t max_links);
Result<std::vector<std::uint32_t>> bpf_programs_of_cgroup_at(const std::string& path, std::uint32_t attach_type, bool effective);
/// Of a device of the calling thread's namespace.
Result<std::vector<std::uint32_t>> bpf_programs_of_device_here(std::uint32_t ifindex, std::uint32_t attach_type);
Result<std::uint32_t> bpf_program_pinned(const std::string& path);

}  // namespace synfate::machine
