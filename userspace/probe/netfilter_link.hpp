// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// BPF programs as entries of a netfilter hook (6.4, 84601d6ee68a "bpf: add bpf_link support for BPF_NETFILTER programs"), which libbpf
// wraps only since 1.3.
#pragma once

#include <cstdint>

#include "base/result.hpp"
#include "base/unique_fd.hpp"

struct bpf_program;

namespace synfate::probe {

struct NetfilterPlace {
  std::uint32_t family = 2;  ///< NFPROTO_IPV4 or NFPROTO_IPV6: the kernel takes no others
  std::uint32_t hook = 0;    ///< NF_INET_*
  std::int32_t priority = 0;
};

/// Before its object is loaded.
void make_netfilter_program(bpf_program* program);
/// The entry is in the hook of that namespace until the descriptor is closed, also by the end of the process.
Result<UniqueFd> attach_netfilter(int program_fd, int netns_fd, const NetfilterPlace& place);

}  // namespace synfate::probe
