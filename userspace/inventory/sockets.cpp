// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "inventory/sockets.hpp"

#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <charconv>
#include <cstddef>
#include <cstring>

#include "base/text.hpp"
#include "inventory/attributes.hpp"

namespace synfate::inventory {
namespace {

constexpr unsigned kTcpListen = 10;
constexpr unsigned kTcpSynReceived = 3;
/// Keys of one listener: a BGP speaker has one for each neighbour.
constexpr std::size_t kMaxMd5Peers = 256;

std::optional<std::uint32_t> parse_hex(std::string_view text) {
  std::uint32_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, 16);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

/// "0100007F:0050": each word of the address as this machine reads four bytes of it.
std::optional<model::Endpoint> parse_endpoint(std::string_view text) {
  constexpr std::size_t kWordDigits = 8;
  const std::size_t colon = text.find(':');
  if (colon != kWordDigits && colon != 4 * kWordDigits) return std::nullopt;
  model::Endpoint endpoint;
  endpoint.address.family = colon == kWordDigits ? 4 : 6;
  for (std::size_t at = 0; at < colon; at += kWordDigits) {
    const auto word = parse_hex(text.substr(at, kWordDigits));
    if (!word) return std::nullopt;
    std::memcpy(endpoint.address.bytes.data() + at / 2, &*word, sizeof *word);
  }
  const auto port = parse_hex(text.substr(colon + 1));
  if (!port || *port > 0xffff) return std::nullopt;
  endpoint.port = static_cast<std::uint16_t>(*port);
  return endpoint;
}

struct ProcRow {
  unsigned state = 0;
  model::ListenSocket socket;
};

std::optional<ProcRow> parse_row(std::string_view line) {
  std::array<std::string_view, 10> columns;
  std::size_t count = 0;
  for (const std::string_view part : split(line, ' ')) {
    if (!part.empty() && count < columns.size()) columns[count++] = part;
  }
  if (count < columns.size()) return std::nullopt;
  const auto local = parse_endpoint(columns[1]);
  const auto state = parse_hex(columns[3]);
  const std::size_t colon = columns[4].find(':');
  const auto queue = colon == std::string_view::npos ? std::nullopt : parse_hex(columns[4].substr(colon + 1));
  const auto uid = parse_number(columns[7]);
  const auto inode = parse_number(columns[9]);
  if (!local || !state || !queue || !uid || !inode) return std::nullopt;
  ProcRow row{*state, {}};
  row.socket.local = *local;
  row.socket.queue_length = *queue;
  row.socket.inode = *inode;
  row.socket.uid = static_cast<std::uint32_t>(*uid);
  return row;
}

machine::NetlinkRequest diag_request(int family, unsigned state, std::uint16_t port) {
  inet_diag_req_v2 request{};
  request.sdiag_family = static_cast<std::uint8_t>(family);
  request.sdiag_protocol = IPPROTO_TCP;
  request.idiag_states = 1U << state;
  request.idiag_ext = 1U << (INET_DIAG_SKMEMINFO - 1);
  request.id.idiag_sport = htons(port);
  return {NETLINK_SOCK_DIAG, SOCK_DIAG_BY_FAMILY, body_of(request)};
}

model::IpAddress address_of(std::uint8_t family, const void* bytes) {
  model::IpAddress address;
  address.family = family == AF_INET ? 4 : 6;
  std::memcpy(address.bytes.data(), bytes, family == AF_INET ? 4 : 16);
  return address;
}

/// The keys themselves are left where they are.
std::vector<model::Prefix> md5_peers_of(std::string_view keys) {
  std::vector<model::Prefix> peers;
  for (; keys.size() >= sizeof(tcp_diag_md5sig) && peers.size() < kMaxMd5Peers; keys.remove_prefix(sizeof(tcp_diag_md5sig))) {
    tcp_diag_md5sig key{};
    std::memcpy(&key, keys.data(), offsetof(tcp_diag_md5sig, tcpm_key));
    peers.push_back({address_of(key.tcpm_family, &key.tcpm_addr), key.tcpm_prefixlen});
  }
  return peers;
}

model::ListenSocket socket_of(const inet_diag_msg& found, const Attributes& attributes) {
  model::ListenSocket socket;
  socket.local.address = address_of(found.idiag_family, &found.id.idiag_src[0]);
  socket.local.port = ntohs(found.id.idiag_sport);
  socket.queue_length = found.idiag_rqueue;
  socket.queue_limit = found.idiag_wqueue;
  socket.inode = found.idiag_inode;
  socket.uid = found.idiag_uid;
  socket.bound_ifindex = found.id.idiag_if;
  if (const auto only = attributes.u8(INET_DIAG_SKV6ONLY); only && found.idiag_family == AF_INET6) socket.only_ipv6 = *only != 0;
  if (const auto id = attributes.bytes(INET_DIAG_CGROUP_ID); id.size() >= sizeof socket.cgroup_id) {
    std::memcpy(&socket.cgroup_id, id.data(), sizeof socket.cgroup_id);
  }
  socket.md5_peers = md5_peers_of(attributes.bytes(INET_DIAG_MD5SIG));
  std::array<std::uint32_t, SK_MEMINFO_DROPS + 1> memory{};
  if (const auto bytes = attributes.bytes(INET_DIAG_SKMEMINFO); bytes.size() >= sizeof memory) {
    std::memcpy(memory.data(), bytes.data(), sizeof memory);
    socket.drops = memory[SK_MEMINFO_DROPS];
  }
  return socket;
}

}  // namespace

machine::NetlinkRequest listen_request(int family, std::uint16_t port) { return diag_request(family, kTcpListen, port); }

machine::NetlinkRequest half_open_request(int family, std::uint16_t port) { return diag_request(family, kTcpSynReceived, port); }

ListenTable decode_listeners(const std::string& messages) {
  ListenTable table;
  const bool whole = for_each_message(messages, [&](const nlmsghdr* message) {
    const auto found = fixed_header<inet_diag_msg>(message);
    if (message->nlmsg_type != SOCK_DIAG_BY_FAMILY || !found || (found->idiag_family != AF_INET && found->idiag_family != AF_INET6)) {
      table.complete = false;
      return;
    }
    if (found->idiag_state == kTcpListen) table.rows.push_back(socket_of(*found, Attributes(message, sizeof(inet_diag_msg))));
  });
  if (!whole) table.complete = false;
  return table;
}

std::optional<model::Endpoint> half_open_end(std::string_view message) {
  inet_diag_msg found{};
  nlmsghdr header{};
  if (message.size() < NLMSG_HDRLEN + sizeof found) return std::nullopt;
  std::memcpy(&header, message.data(), sizeof header);
  std::memcpy(&found, message.data() + NLMSG_HDRLEN, sizeof found);
  if (header.nlmsg_type != SOCK_DIAG_BY_FAMILY || found.idiag_state != kTcpSynReceived) return std::nullopt;
  if (found.idiag_family != AF_INET && found.idiag_family != AF_INET6) return std::nullopt;
  return model::Endpoint{address_of(found.idiag_family, &found.id.idiag_src[0]), ntohs(found.id.idiag_sport)};
}

ListenTable parse_proc_tcp(std::string_view text, bool cut) {
  ListenTable table;
  auto lines = split(text, '\n');
  lines.erase(lines.begin());
  // The last line of a cut text is half a row.
  if (!lines.empty()) lines.pop_back();
  for (const std::string_view line : lines) {
    const auto row = parse_row(line);
    if (!row) {
      table.complete = false;
      continue;
    }
    // The kernel lists all that listen before any other: what was cut off behind this row does not matter.
    if (row->state != kTcpListen) return table;
    table.rows.push_back(row->socket);
  }
  if (cut) table.complete = false;
  return table;
}

}  // namespace synfate::inventory
