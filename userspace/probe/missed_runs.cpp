// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "probe/missed_runs.hpp"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <algorithm>

namespace synfate::probe {

std::uint64_t missed_runs(const bpf_object* object, std::initializer_list<const bpf_program*> but) {
  std::uint64_t sum = 0;
  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, object) {
    const int fd = bpf_program__fd(program);
    if (fd < 0 || std::find(but.begin(), but.end(), program) != but.end()) continue;
    bpf_prog_info info{};
    __u32 size = sizeof info;
    if (bpf_obj_get_info_by_fd(fd, &info, &size) == 0) sum += info.recursion_misses;
  }
  return sum;
}

}  // namespace synfate::probe
