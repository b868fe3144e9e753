// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "inventory/neighbour_tables.hpp"

#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <cstring>
#include <optional>

#include "inventory/attributes.hpp"

namespace synfate::inventory {
namespace {

constexpr std::size_t kMaxTableBytes = 32U << 20U;
constexpr std::size_t kMaxQueues = 4096;

std::optional<std::uint8_t> family_of(int family) {
  if (family == AF_INET) return 4;
  if (family == AF_INET6) return 6;
  return std::nullopt;
}

template <class Struct>
std::optional<Struct> value_of(std::string_view raw) {
  if (raw.size() < sizeof(Struct)) return std::nullopt;
  Struct value;
  std::memcpy(&value, raw.data(), sizeof value);
  return value;
}

std::optional<model::IpAddress> address_of(std::uint8_t family, std::string_view raw) {
  if (raw.size() != (family == 4 ? 4U : 16U)) return std::nullopt;
  model::IpAddress address;
  address.family = family;
  std::memcpy(address.bytes.data(), raw.data(), raw.size());
  return address;
}

}  // namespace

machine::NetlinkRequest neighbour_bounds_request() { return {NETLINK_ROUTE, RTM_GETNEIGHTBL, body_of(ndtmsg{})}; }

NeighbourBounds decode_neighbour_bounds(const std::string& messages) {
  NeighbourBounds bounds;
  const bool whole = for_each_message(messages, [&](const nlmsghdr* message) {
    if (message->nlmsg_type != RTM_NEWNEIGHTBL) return;
    const auto header = fixed_header<ndtmsg>(message);
    if (!header) {
      ++bounds.malformed;
      return;
    }
    const auto family = family_of(header->ndtm_family);
    if (!family) return;
    const Attributes attributes{message, sizeof(ndtmsg)};
    // A table's own message is followed by one for each device.
    const auto config = value_of<ndt_config>(attributes.bytes(NDTA_CONFIG));
    const auto limit = attributes.u32(NDTA_THRESH3);
    if (config && limit) {
      const auto counters = value_of<ndt_stats>(attributes.bytes(NDTA_STATS));
      bounds.tables.push_back({*family, config->ndtc_entries, *limit, counters ? counters->ndts_table_fulls : 0});
    }
    const Attributes device = attributes.nested(NDTA_PARMS);
    const auto ifindex = device.u32(NDTPA_IFINDEX);
    const auto bytes = device.u32(NDTPA_QUEUE_LENBYTES);
    if (ifindex && *ifindex != 0 && bytes && bounds.queues.size() < kMaxQueues) bounds.queues.push_back({*family, *ifindex, *bytes});
  });
  if (!whole) ++bounds.malformed;
  return bounds;
}

machine::NetlinkRequest neighbour_request() { return {NETLINK_ROUTE, RTM_GETNEIGH, body_of(ndmsg{})}; }

NeighbourEntries decode_neighbours(const std::string& messages) {
  NeighbourEntries entries;
  const bool whole = for_each_message(messages, [&](const nlmsghdr* message) {
    if (message->nlmsg_type != RTM_NEWNEIGH) return;
    const auto header = fixed_header<ndmsg>(message);
    const auto family = header ? family_of(header->ndm_family) : std::nullopt;
    if (!header || header->ndm_ifindex <= 0) {
      ++entries.malformed;
      return;
    }
    if (!family) return;
    const Attributes attributes{message, sizeof(ndmsg)};
    const auto address = address_of(*family, attributes.bytes(NDA_DST));
    const std::string_view mac = attributes.bytes(NDA_LLADDR);
    model::NeighbourEntry entry;
    if (!address || mac.size() != entry.mac.size()) return;
    entry.ifindex = static_cast<std::uint32_t>(header->ndm_ifindex);
    entry.state = header->ndm_state;
    entry.address = *address;
    std::memcpy(entry.mac.data(), mac.data(), mac.size());
    entries.rows.push_back(entry);
  });
  if (!whole) ++entries.malformed;
  return entries;
}

void read_neighbours_of(machine::NetnsVisit& visit, const std::set<model::MacAddress>& macs, model::Netns& netns) {
  const auto gap = [&](const std::string& text) { netns.gaps.push_back({"neighbours_unreadable", text}); };
  model::Neighbours neighbours;
  if (const auto reply = visit.netlink_dump(neighbour_bounds_request(), kMaxTableBytes)) {
    auto bounds = decode_neighbour_bounds(reply->messages);
    if (bounds.malformed != 0) gap("the bounds of neighbour tables could not be understood");
    neighbours.tables = std::move(bounds.tables);
    neighbours.queues = std::move(bounds.queues);
  } else {
    gap("the bounds of neighbour tables could not be read: " + to_string(reply.error()));
  }
  if (!macs.empty()) {
    if (const auto reply = visit.netlink_dump(neighbour_request(), kMaxTableBytes)) {
      auto entries = decode_neighbours(reply->messages);
      std::erase_if(entries.rows, [&](const model::NeighbourEntry& entry) { return !macs.contains(entry.mac); });
      neighbours.entries_read = entries.malformed == 0 && reply->consistent;
      neighbours.entries = std::move(entries.rows);
      if (!neighbours.entries_read) gap("the neighbour entries are not complete");
    } else {
      gap("neighbour entries could not be read: " + to_string(reply.error()));
    }
  }
  netns.neighbours = std::move(neighbours);
}

}  // namespace synfate::inventory
