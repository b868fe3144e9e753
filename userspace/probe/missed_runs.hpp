// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// What the kernel kept programs from seeing: a program is not run again where it was interrupted. Counts, and refuses to guess at what it
// was.
#pragma once

#include <cstdint>
#include <initializer_list>

struct bpf_object;
struct bpf_program;

namespace synfate::probe {

/// Of all loaded programs of the object but those that lose nothing. recursion_misses came with 5.12 (9ed9e9ba2337 "bpf: Count the number
/// of times recursion was prevented").
std::uint64_t missed_runs(const bpf_object* object, std::initializer_list<const bpf_program*> but = {});

}  // namespace synfate::probe
