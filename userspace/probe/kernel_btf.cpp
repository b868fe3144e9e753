// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "probe/kernel_btf.hpp"

#include <bpf/btf.h>

#include <cerrno>
#include <memory>

namespace synfate::probe {
namespace {

struct FreeBtf {
  void operator()(btf* value) const { btf__free(value); }
};

constexpr std::string_view kTracepointPrefix = "btf_trace_";
constexpr std::string_view kReasonPrefix = "SKB_DROP_REASON_";
constexpr std::string_view kSecurityPrefix = "bpf_lsm_";

/// typedef btf_trace_X -> pointer -> function prototype; 0 if it is something else.
unsigned argument_count(const btf* types, const btf_type* type) {
  const btf_type* pointer = btf__type_by_id(types, type->type);
  if (pointer == nullptr || !btf_is_ptr(pointer)) return 0;
  const btf_type* prototype = btf__type_by_id(types, pointer->type);
  if (prototype == nullptr || !btf_is_func_proto(prototype)) return 0;
  return btf_vlen(prototype);
}

bool is_security_hook(std::string_view function) {
  return function == "bpf_lsm_socket_sock_rcv_skb" || function == "bpf_lsm_inet_conn_request";
}

bool has_value(const btf* types, const btf_type* type, std::string_view wanted) {
  const struct btf_enum* values = ::btf_enum(type);
  for (unsigned i = 0; i < btf_vlen(type); ++i) {
    const char* name = btf__name_by_offset(types, values[i].name_off);
    if (name != nullptr && name == wanted) return true;
  }
  return false;
}

void read_reasons(const btf* types, const btf_type* type, KernelBtf& into) {
  const struct btf_enum* values = ::btf_enum(type);
  for (unsigned i = 0; i < btf_vlen(type); ++i) {
    const char* raw = btf__name_by_offset(types, values[i].name_off);
    if (raw == nullptr) continue;
    std::string_view name = raw;
    if (name.starts_with(kReasonPrefix)) name.remove_prefix(kReasonPrefix.size());
    // SUBSYS_MASK is negative in BTF: as a number of 32 bits it cannot be mistaken for a small one.
    if (name == "PFMEMALLOC") into.security_has_reason = true;
    into.drop_reasons.emplace(static_cast<std::uint32_t>(values[i].val), name);
  }
}

/// The enumeration of TCP's counters has no name: its first value tells it from others.
void read_tcp_counters(const btf* types, const btf_type* type, KernelBtf& into) {
  constexpr std::string_view kPrefix = "LINUX_MIB_";
  const struct btf_enum* values = ::btf_enum(type);
  for (unsigned i = 0; i < btf_vlen(type); ++i) {
    const char* raw = btf__name_by_offset(types, values[i].name_off);
    const std::string_view name = raw == nullptr ? "" : raw;
    if (!name.starts_with(kPrefix)) return;
    into.tcp_counters.emplace(name.substr(kPrefix.size()), static_cast<std::uint32_t>(values[i].val));
  }
}

}  // namespace

Result<KernelBtf> read_kernel_btf() {
  errno = 0;
  const std::unique_ptr<btf, FreeBtf> types(btf__load_vmlinux_btf());
  if (!types) {
    const int error = errno;
    if (error == EPERM || error == EACCES)
      return Error{ErrorKind::Permission, "cannot read the kernel's BTF", errno_text(error), "run as root"};
    return Error{ErrorKind::Unsupported, "this kernel has no BTF", "/sys/kernel/btf/vmlinux: " + errno_text(error),
                 "synfate needs a kernel built with CONFIG_DEBUG_INFO_BTF=y (5.15 or newer); is /sys mounted?"};
  }
  KernelBtf result;
  const unsigned count = btf__type_cnt(types.get());
  for (unsigned id = 1; id < count; ++id) {
    const btf_type* type = btf__type_by_id(types.get(), id);
    const bool is_typedef = btf_is_typedef(type);
    if (!is_typedef && !btf_is_enum(type) && !btf_is_func(type) && !btf_is_struct(type)) continue;
    const char* raw = btf__name_by_offset(types.get(), type->name_off);
    if (raw == nullptr) continue;
    const std::string_view name = raw;
    if (btf_is_func(type)) {
      if (name == "tcp_v4_connect") result.tcp_v4_connect = id;
      if (name == "bpf_rdonly_cast") result.has_cast = true;
      if (name == "bpf_cast_to_kern_ctx") result.has_context_cast = true;
      if (name == "tcp_conn_request") result.has_conn_request = true;
      if (name == "security_inet_conn_request") result.has_conn_request_security = true;
      if (is_security_hook(name)) result.security_hooks.emplace(id, name.substr(kSecurityPrefix.size()));
      continue;
    }
    if (btf_is_struct(type)) {
      if (name == "nft_chain") result.has_nf_tables = true;
      continue;
    }
    if (name.empty()) {
      if (!is_typedef) read_tcp_counters(types.get(), type, result);
      continue;
    }
    if (is_typedef && name.starts_with(kTracepointPrefix)) {
      const unsigned arguments = argument_count(types.get(), type);
      if (arguments > 0) result.tracepoints.emplace(name.substr(kTracepointPrefix.size()), arguments - 1);
    } else if (!is_typedef && name == "skb_drop_reason" && result.drop_reasons.empty()) {
      read_reasons(types.get(), type, result);
    } else if (!is_typedef && name == "bpf_func_id") {
      result.has_loop = has_value(types.get(), type, "BPF_FUNC_loop");
    }
  }
  return result;
}

}  // namespace synfate::probe
