// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <sys/socket.h>

#include "inventory/modules.hpp"
#include "inventory/sockets.hpp"

namespace synfate::inventory {
namespace {

constexpr std::size_t kMaxTableBytes = 4U << 20U;

void append(ListenTable& table, ListenTable more) {
  table.rows.insert(table.rows.end(), more.rows.begin(), more.rows.end());
  table.complete = table.complete && more.complete;
}

Result<ListenTable> read_inet_diag(machine::NetnsVisit& visit, std::uint16_t port) {
  ListenTable table;
  for (const int family : {AF_INET, AF_INET6}) {
    const auto reply = visit.netlink_dump(listen_request(family, port), kMaxTableBytes);
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

bool may_ask_inet_diag(machine::Machine& machine) { return asking_loads_nothing(machine, "tcp_diag"); }

Result<ListenTable> read_listen_table(machine::NetnsVisit& visit, bool ask_inet_diag, std::uint16_t port) {
  if (ask_inet_diag) {
    auto table = read_inet_diag(visit, port);
    if (table) return table;
  }
  auto table = read_proc_tcp(visit);
  if (table && port != 0) std::erase_if(table->rows, [&](const model::ListenSocket& socket) { return socket.local.port != port; });
  return table;
}

}  // namespace synfate::inventory
