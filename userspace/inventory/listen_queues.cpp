// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "inventory/listen_queues.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <map>
#include <string>
#include <vector>

#include "base/text.hpp"
#include "inventory/sockets.hpp"

namespace synfate::inventory {
namespace {

/// Some 150 counters, each with a name and 20 digits.
constexpr std::size_t kMaxNetstatBytes = 64U << 10U;
/// 100,000 half-open connections: more than any queue holds.
constexpr std::size_t kMaxHalfOpenBytes = 16U << 20U;

struct Counter {
  std::string_view name;
  std::uint64_t model::ListenCounters::*target;
};

constexpr std::array<Counter, 5> kCounters{{
    {"ListenOverflows", &model::ListenCounters::overflows},
    {"ListenDrops", &model::ListenCounters::drops},
    {"TCPReqQFullDrop", &model::ListenCounters::syn_queue_full},
    {"TCPReqQFullDoCookies", &model::ListenCounters::syn_queue_cookies},
    {"SyncookiesSent", &model::ListenCounters::cookies_sent},
}};

std::optional<std::string_view> after(std::string_view line, std::string_view prefix) {
  if (!line.starts_with(prefix)) return std::nullopt;
  return line.substr(prefix.size());
}

/// The addresses that half-open connections on that port have here, with how many have each; nothing when they could not be counted.
std::optional<std::map<model::IpAddress, unsigned>> count_half_open(machine::NetnsVisit& visit, std::uint16_t port) {
  std::map<model::IpAddress, unsigned> ends;
  for (const int family : {AF_INET, AF_INET6}) {
    const auto counted = visit.netlink_each(half_open_request(family, port), kMaxHalfOpenBytes, [&](std::string_view message) {
      const auto end = half_open_end(message);
      if (end && end->port == port) ++ends[end->address];
    });
    if (!counted) return std::nullopt;
  }
  return ends;
}

bool is_wildcard(const model::IpAddress& address) {
  return std::all_of(address.bytes.begin(), address.bytes.end(), [](std::uint8_t byte) { return byte == 0; });
}

/// To each listener its own, where only one can be whose they are.
void share_out(const std::map<model::IpAddress, unsigned>& half_open, std::vector<model::ListenSocket>& sockets) {
  for (model::ListenSocket& socket : sockets) socket.half_open = 0;
  for (const auto& [address, count] : half_open) {
    std::vector<model::ListenSocket*> owners;
    for (const bool wildcard : {false, true}) {
      if (!owners.empty()) break;
      for (model::ListenSocket& socket : sockets) {
        // A connection of an IPv6 socket is listed as one of IPv6, an IPv4 client's too.
        if (socket.local.address.family != address.family) continue;
        if (wildcard ? is_wildcard(socket.local.address) : socket.local.address == address) owners.push_back(&socket);
      }
    }
    for (model::ListenSocket* owner : owners) {
      if (owners.size() > 1) {
        owner->half_open.reset();
      } else if (owner->half_open) {
        *owner->half_open += count;
      }
    }
  }
}

}  // namespace

std::optional<model::ListenCounters> parse_netstat(std::string_view text) {
  std::vector<std::string_view> names;
  std::vector<std::string_view> values;
  for (const std::string_view line : split(text, '\n')) {
    const auto rest = after(line, "TcpExt: ");
    if (!rest) continue;
    (names.empty() ? names : values) = split(trim(*rest), ' ');
  }
  if (names.empty() || names.size() != values.size()) return std::nullopt;
  model::ListenCounters counters;
  std::size_t found = 0;
  for (std::size_t i = 0; i < names.size(); ++i) {
    for (const Counter& counter : kCounters) {
      if (counter.name != names[i]) continue;
      const auto value = parse_number(values[i]);
      if (!value) return std::nullopt;
      counters.*counter.target = *value;
      ++found;
    }
  }
  counters.read = found == kCounters.size();
  if (!counters.read) return std::nullopt;
  return counters;
}

model::ListenCounters read_listen_counters(machine::NetnsVisit& visit) {
  const auto text = visit.read_file("/proc/thread-self/net/netstat", {kMaxNetstatBytes});
  if (!text) return {};
  return parse_netstat(*text).value_or(model::ListenCounters{});
}

Result<model::ListenReading> read_listen_queues(machine::NetnsVisit& visit, bool ask_inet_diag, std::uint16_t port) {
  model::ListenReading reading;
  reading.port = port;
  auto table = read_listen_table(visit, ask_inet_diag, port);
  if (!table) return table.error();
  reading.sockets = std::move(table->rows);
  reading.complete = table->complete;
  if (ask_inet_diag) {
    if (const auto half_open = count_half_open(visit, port)) share_out(*half_open, reading.sockets);
  }
  // Last: what moved before the queues were looked at is counted.
  reading.counters = read_listen_counters(visit);
  return reading;
}

}  // namespace synfate::inventory
