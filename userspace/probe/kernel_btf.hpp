// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// What the running kernel says of itself in BTF: its tracepoints and the names of its drop reasons.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace synfate::probe {

struct KernelBtf {
  /// Arguments of each raw tracepoint, the leading void * not counted.
  std::map<std::string, unsigned, std::less<>> tracepoints;
  /// enum skb_drop_reason: number to name, without SKB_DROP_REASON_. Empty before 5.17.
  std::map<std::uint32_t, std::string> drop_reasons;

  bool has_loop = false;             ///< helper bpf_loop()
  bool has_cast = false;             ///< kfunc bpf_rdonly_cast()
  bool has_nf_tables = false;        ///< nf_tables is part of the kernel proper
  std::uint32_t tcp_v4_connect = 0;  ///< type id of a function that every kernel has: what fentry is tried on; 0: not found

  /// LINUX_MIB_* without that prefix: number of each of TCP's counters, which differ between releases. Empty: not found.
  std::map<std::string, std::uint32_t, std::less<>> tcp_counters;
  bool has_context_cast = false;           ///< kfunc bpf_cast_to_kern_ctx()
  bool has_conn_request = false;           ///< tcp_conn_request(), which decides about a SYN to a listener
  bool has_conn_request_security = false;  ///< security_inet_conn_request(), which it asks
  /// Type ids of the hooks of security modules that a connection on its way meets, by what BPF LSM calls them: "socket_sock_rcv_skb".
  std::map<std::uint32_t, std::string> security_hooks;
  /// What a security module refuses at a socket has the reason SECURITY_HOOK, not SOCKET_FILTER: sk_filter_trim_cap() tells them apart
  /// since it knows the reason PFMEMALLOC (6.17, commit a6f190630d07).
  bool security_has_reason = false;

  bool has_tracepoint(std::string_view name) const { return tracepoints.find(name) != tracepoints.end(); }
};

/// Reads /sys/kernel/btf/vmlinux (or what libbpf falls back to). Unsupported when there is none.
Result<KernelBtf> read_kernel_btf();

}  // namespace synfate::probe
