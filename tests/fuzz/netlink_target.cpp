// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Target "netlink": dumps of what lies in pods' network namespaces. The kernel frames it, but the names and the bytes are of whoever is
// root in the pod. Every decoder gets every input: none may rely on having asked the question.
#include <linux/rtnetlink.h>

#include <cstring>
#include <string>

#include "../unit/inventory/nft_messages.hpp"
#include "inventory/addresses.hpp"
#include "inventory/bridge_vlans.hpp"
#include "inventory/device_queues.hpp"
#include "inventory/fdb.hpp"
#include "inventory/links.hpp"
#include "inventory/neighbour_tables.hpp"
#include "inventory/routes.hpp"
#include "inventory/sockets.hpp"
#include "inventory/tc_filters.hpp"
#include "inventory/time_wait.hpp"
#include "inventory/tracked_flow.hpp"
#include "inventory/xfrm.hpp"
#include "targets.hpp"

namespace synfate::fuzz {
namespace {

template <class Table>
void check_rows(const Table& table, std::size_t bytes) {
  require(table.rows.size() + table.malformed <= bytes / 16 + 1, "a row is a message's");
}

model::Flow some_flow() { return {{*model::parse_ip("10.0.0.1"), 43210}, {*model::parse_ip("10.0.0.2"), 80}}; }

std::string message(std::uint16_t type, std::string_view fixed, std::string_view attributes) {
  nlmsghdr header{};
  header.nlmsg_len = static_cast<std::uint32_t>(sizeof header + fixed.size() + attributes.size());
  header.nlmsg_type = type;
  std::string bytes(sizeof header, '\0');
  std::memcpy(bytes.data(), &header, sizeof header);
  return bytes.append(fixed).append(attributes);
}

}  // namespace

void run_netlink(std::span<const std::byte> input) {
  // A buffer of its own, aligned as the socket's is.
  const std::string bytes{text_of(input)};
  const auto links = inventory::decode_links(bytes);
  check_rows(links, bytes.size());
  for (const auto& row : links.rows) require(row.link.name.size() <= 64 && row.link.kind.size() <= 64, "a device's name is bounded");
  check_rows(inventory::decode_addresses(bytes), bytes.size());
  check_rows(inventory::decode_fdb(bytes), bytes.size());
  check_rows(inventory::decode_bridge_vlans(bytes), bytes.size());
  check_rows(inventory::decode_neighbours(bytes), bytes.size());
  check_rows(inventory::decode_qdiscs(bytes), bytes.size());
  const auto filters = inventory::decode_tc_filters(bytes);
  check_rows(filters, bytes.size());
  for (const auto& row : filters.rows) require(row.kind.size() <= 64 && row.actions.size() <= 64, "a filter is bounded");
  const auto bounds = inventory::decode_neighbour_bounds(bytes);
  require(bounds.tables.size() + bounds.queues.size() <= bytes.size(), "a table is a message's");
  for (const auto& socket : inventory::decode_listeners(bytes).rows) require(socket.md5_peers.size() <= 256, "keys are bounded");
  require(inventory::decode_xfrm_policies(bytes).rows.size() <= bytes.size() / 16 + 1, "a policy is a message's");
  model::RouteAnswer answer;
  (void)inventory::decode_route(bytes, answer);
  (void)inventory::decode_matched_route(bytes, answer);
  (void)inventory::decode_neighbour(bytes);
  (void)inventory::half_open_end(bytes);
  (void)inventory::is_time_wait(bytes);
  (void)inventory::decode_tracked(bytes, some_flow());
}

std::vector<Bytes> netlink_seeds() {
  ifinfomsg device{};
  device.ifi_index = 3;
  const std::string kind = test::nft_attribute(IFLA_LINKINFO, test::nft_text(1, "veth"));
  tcmsg place{};
  place.tcm_ifindex = 3;
  const auto raw = [](const auto& fixed) { return std::string_view{reinterpret_cast<const char*>(&fixed), sizeof fixed}; };
  return {bytes_of(message(RTM_NEWLINK, raw(device), test::nft_text(IFLA_IFNAME, "eth0") + kind)),
          bytes_of(message(RTM_NEWTFILTER, raw(place), test::nft_text(TCA_KIND, "bpf") + test::nft_attribute(TCA_OPTIONS, kind)))};
}

}  // namespace synfate::fuzz
