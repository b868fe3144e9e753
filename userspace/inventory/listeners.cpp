// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <sys/socket.h>

#include "base/text.hpp"
#include "inventory/sockets.hpp"

namespace synfate::inventory {
namespace {

constexpr std::size_t kMaxTableBytes = 4U << 20U;
constexpr std::size_t kMaxModulesBytes = 1U << 20U;

void append(ListenTable& table, ListenTable more) {
  table.rows.insert(table.rows.end(), more.rows.begin(), more.rows.end());
  table.complete = table.complete && more.complete;
}

Result<ListenTable> read_inet_diag(machine::NetnsVisit& visit) {
  ListenTable table;
  for (const int family : {AF_INET, AF_INET6}) {
    const auto reply = visit.netlink_dump(listen_request(family), kMaxTableBytes);
    if (!reply) return reply.error();
    append(table, decode_listeners(reply->messages));
    table.complete = table.complete && reply->consistent;
  }
  return table;
}

Result<ListenTable> read_proc_tcp(machine::NetnsVisit& visit) {
  ListenTable table;
  for (const std::string_view name : {"tcp", "tcp6"}) {
    const auto text = visit.read_file("/proc/thread-self/net/" + std::string{name}, {kMaxTableBytes, machine::Excess::Cut});
    if (text) {
      append(table, parse_proc_tcp(*text, text->size() == kMaxTableBytes));
    } else if (name == "tcp" || text.error().kind != ErrorKind::Gone) {
      // Only tcp6 may be missing: a kernel without IPv6.
      return text.error();
    }
  }
  return table;
}

}  // namespace

bool may_ask_inet_diag(machine::Machine& machine) {
  const auto modules = machine.read_file("/proc/modules", {kMaxModulesBytes});
  if (!modules) return modules.error().kind == ErrorKind::Gone;
  for (const std::string_view line : split(*modules, '\n')) {
    if (line.substr(0, line.find(' ')) == "tcp_diag") return true;
  }
  if (const auto disabled = machine.read_file("/proc/sys/kernel/modules_disabled"); disabled && trim(*disabled) == "1") return true;
  const auto release = machine.read_file("/proc/sys/kernel/osrelease");
  if (!release) return false;
  const auto builtin = machine.read_file("/lib/modules/" + std::string{trim(*release)} + "/modules.builtin", {kMaxModulesBytes});
  return builtin && builtin->find("/tcp_diag.ko\n") != std::string::npos;
}

Result<ListenTable> read_listen_table(machine::NetnsVisit& visit, bool ask_inet_diag) {
  if (ask_inet_diag) {
    auto table = read_inet_diag(visit);
    if (table) return table;
  }
  return read_proc_tcp(visit);
}

}  // namespace synfate::inventory
