// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "machine/xt_tables.hpp"

#include <netinet/in.h>
#include <sys/socket.h>
// After the C library's own headers, which know how to share their names with these.
#include <linux/netfilter_ipv4/ip_tables.h>
#include <linux/netfilter_ipv6/ip6_tables.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <iterator>
#include <type_traits>
#include <utility>

#include "base/text.hpp"
#include "machine/errors.hpp"
#include "machine/files.hpp"

namespace synfate::machine {
namespace {

/// Engines replace a table every few seconds, not every millisecond.
constexpr int kAttempts = 8;

static_assert(sizeof(ipt_getinfo) == sizeof(ip6t_getinfo) && sizeof(ipt_get_entries) == sizeof(ip6t_get_entries));
// NOLINTNEXTLINE(misc-redundant-expression): that they are the same number is what is asserted
static_assert(IPT_SO_GET_INFO == IP6T_SO_GET_INFO && IPT_SO_GET_ENTRIES == IP6T_SO_GET_ENTRIES);
static_assert(std::has_unique_object_representations_v<ipt_getinfo>, "two of them are compared as bytes");

const char* names_path(int family) {
  return family == AF_INET6 ? "/proc/thread-self/net/ip6_tables_names" : "/proc/thread-self/net/ip_tables_names";
}

std::string what(int family, const std::string& table) {
  return std::string{"cannot read the "} + (family == AF_INET6 ? "ip6tables" : "iptables") + "-legacy table " + printable(table, 64);
}

/// The kernel makes a table for whoever asks about it, but never lists one that it has not made.
Status need_table(int family, const std::string& table) {
  const auto names = read_regular_file(names_path(family), {});
  if (!names && names.error().kind == ErrorKind::Gone) {
    return Error{ErrorKind::Gone, what(family, table), std::string{"iptables-legacy is not in use: there is no "} + names_path(family), ""};
  }
  if (!names) return names.error();
  const auto listed = split(*names, '\n');
  if (table.empty() || table.size() >= XT_TABLE_MAXNAMELEN || std::find(listed.begin(), listed.end(), table) == listed.end()) {
    return Error{ErrorKind::Gone, what(family, table), "this network namespace has no such table, and asking for it would make it", ""};
  }
  return Ok{};
}

Error refused(int error_number, int family, const std::string& table) {
  Error error = errno_error(error_number, what(family, table));
  if (error.kind == ErrorKind::Permission) error.hint = "it takes CAP_NET_ADMIN over the network namespace";
  if (error_number == ENOPROTOOPT) {
    error.kind = ErrorKind::Unsupported;
    error.why = "this kernel has no iptables-legacy, or its module has just been unloaded";
  }
  return error;
}

/// 0, or an errno.
int ask(int socket_fd, int family, int option, void* answer, std::size_t size) {
  auto length = static_cast<socklen_t>(size);
  const int level = family == AF_INET6 ? static_cast<int>(IPPROTO_IPV6) : static_cast<int>(IPPROTO_IP);
  if (::getsockopt(socket_fd, level, option, answer, &length) != 0) return errno;
  return length == size ? 0 : EIO;
}

int ask_info(int socket_fd, int family, const std::string& table, ipt_getinfo& info) {
  info = {};
  table.copy(info.name, sizeof info.name - 1);
  return ask(socket_fd, family, IPT_SO_GET_INFO, &info, sizeof info);
}

int ask_entries(int socket_fd, int family, const ipt_getinfo& info, std::string& entries) {
  entries.assign(sizeof(ipt_get_entries) + info.size, '\0');
  std::memcpy(entries.data() + offsetof(ipt_get_entries, name), info.name, sizeof info.name);
  std::memcpy(entries.data() + offsetof(ipt_get_entries, size), &info.size, sizeof info.size);
  const int failed = ask(socket_fd, family, IPT_SO_GET_ENTRIES, entries.data(), entries.size());
  entries.erase(0, sizeof(ipt_get_entries));
  return failed;
}

XtTableBytes answer_of(const ipt_getinfo& info, std::string entries) {
  XtTableBytes answer;
  answer.valid_hooks = info.valid_hooks;
  std::copy(std::begin(info.hook_entry), std::end(info.hook_entry), answer.hook_entry.begin());
  std::copy(std::begin(info.underflow), std::end(info.underflow), answer.underflow.begin());
  answer.num_entries = info.num_entries;
  answer.entries = std::move(entries);
  return answer;
}

}  // namespace

Result<XtTableBytes> read_xt_table_here(int family, const std::string& table, std::size_t max_bytes) {
  if (family != AF_INET && family != AF_INET6) return errno_error(EAFNOSUPPORT, what(family, table));
  if (auto listed = need_table(family, table); !listed) return std::move(listed).error();
  // Any socket of the family can ask. This kind takes no CAP_NET_RAW and, unbound, gets no packet.
  const UniqueFd asker{::socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
  if (!asker) return errno_error(errno, what(family, table));
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    ipt_getinfo info{};
    if (const int failed = ask_info(asker.get(), family, table, info); failed != 0) return refused(failed, family, table);
    if (info.size > max_bytes) {
      return Error{ErrorKind::BadData, what(family, table),
                   "it is " + std::to_string(info.size) + " bytes long, more than " + std::to_string(max_bytes), ""};
    }
    std::string entries;
    const int failed = ask_entries(asker.get(), family, info, entries);
    if (failed == EAGAIN) continue;
    if (failed != 0) return refused(failed, family, table);
    // The kernel compares sizes only: a rule that moved from one chain to another in between would be taken for the other chain's.
    ipt_getinfo after{};
    if (const int gone = ask_info(asker.get(), family, table, after); gone != 0) return refused(gone, family, table);
    if (std::memcmp(&info, &after, sizeof info) == 0) return answer_of(info, std::move(entries));
  }
  return Error{ErrorKind::Io, what(family, table), "it was replaced each time while it was read", ""};
}

}  // namespace synfate::machine
