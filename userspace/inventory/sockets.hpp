// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Who listens in a namespace: from inet_diag where that loads no module, else from /proc/net/tcp; refuses to make the kernel load anything.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "machine/machine.hpp"
#include "model/inventory.hpp"

namespace synfate::inventory {

struct ListenTable {
  std::vector<model::ListenSocket> rows;
  bool complete = true;
};

/// family: AF_INET or AF_INET6. port: 0 for all.
machine::NetlinkRequest listen_request(int family, std::uint16_t port = 0);
ListenTable decode_listeners(const std::string& messages);
/// Connections on that port that wait for the client's ACK, and the server's end of one.
machine::NetlinkRequest half_open_request(int family, std::uint16_t port);
std::optional<model::Endpoint> half_open_end(std::string_view message);

/// The listening rows of /proc/net/tcp or tcp6; cut: the text is only the front of the file. No queue_limit in there.
ListenTable parse_proc_tcp(std::string_view text, bool cut);

/// Asking inet_diag makes a kernel with loadable modules load it: true where it is there already or nothing can be loaded.
bool may_ask_inet_diag(machine::Machine& machine);

/// port: 0 for all.
Result<ListenTable> read_listen_table(machine::NetnsVisit& visit, bool ask_inet_diag, std::uint16_t port = 0);

}  // namespace synfate::inventory
