// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// The part of the reader that is about listeners.
#include <algorithm>

#include "base/text.hpp"
#include "inventory/listen_queues.hpp"
#include "inventory/reader.hpp"
#include "inventory/sockets.hpp"

namespace synfate::inventory {
namespace {

/// Of one namespace, and of one port in it: enough to see what moved while an attempt was under way.
constexpr std::size_t kMaxReadings = 64;
constexpr std::ptrdiff_t kMaxReadingsOfPort = 6;

void keep(model::ListenReading reading, std::vector<model::ListenReading>& readings) {
  const auto same_port = [&](const model::ListenReading& each) { return each.port == reading.port; };
  if (std::count_if(readings.begin(), readings.end(), same_port) >= kMaxReadingsOfPort) {
    readings.erase(std::find_if(readings.begin(), readings.end(), same_port));
  } else if (readings.size() >= kMaxReadings) {
    readings.erase(readings.begin());
  }
  readings.push_back(std::move(reading));
}

}  // namespace

bool InventoryReader::may_ask_diag() {
  if (!ask_inet_diag_) ask_inet_diag_ = may_ask_inet_diag(machine_);
  return *ask_inet_diag_;
}

Status InventoryReader::read_listeners(model::NetnsId id) {
  const bool ask = may_ask_diag();
  std::optional<Error> failure;
  auto visited = visit(id, [&](machine::NetnsVisit& there, model::Netns& netns) {
    auto table = read_listen_table(there, ask);
    if (!table) {
      failure = std::move(table).error();
      return;
    }
    netns.listeners = std::move(table->rows);
    netns.listeners_read = table->complete;
  });
  if (failure) return *failure;
  if (visited) socket_owners_.name(machine_, id, inventory_.namespaces[id].listeners, clock_());
  return visited;
}

Status InventoryReader::read_listen_queues(model::NetnsId id, std::uint16_t port, MonotonicNs now) {
  const bool ask = may_ask_diag();
  std::optional<Result<model::ListenReading>> reading;
  const auto visited =
      visit(id, [&](machine::NetnsVisit& there, model::Netns&) { reading = inventory::read_listen_queues(there, ask, port); });
  if (!visited) return visited;
  const MonotonicNs ended = clock_();
  if (!*reading) return reading->error();
  (*reading)->time_ns = now;
  (*reading)->ended_ns = ended;
  socket_owners_.name(machine_, id, (*reading)->sockets, ended);
  keep(std::move(**reading), inventory_.namespaces[id].listen_readings);
  return Ok{};
}

Status InventoryReader::read_listen_queues_of_cookies(model::NetnsId id, std::uint16_t port, MonotonicNs now) {
  bool cookies = false;
  const auto visited = visit(id, [&](machine::NetnsVisit& there, model::Netns& netns) {
    const auto mode = netns.sysctls.find("net.ipv4.tcp_syncookies");
    cookies = (mode != netns.sysctls.end() && mode->second == "2") || read_listen_counters(there).cookies_sent != 0;
  });
  if (!visited) return visited;
  if (!cookies) return Error{ErrorKind::Gone, "no reading of listeners", "no SYN cookie was ever sent there", ""};
  return read_listen_queues(id, port, now);
}

}  // namespace synfate::inventory
