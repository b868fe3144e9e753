// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "inventory/bridge_vlans.hpp"

#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>

#include "inventory/attributes.hpp"

namespace synfate::inventory {
namespace {

std::vector<model::VlanRange> ranges_of(std::string_view specification) {
  std::vector<model::VlanRange> ranges;
  std::uint16_t begin = 0;
  for_each_attribute(specification, [&](std::uint16_t type, std::string_view payload) {
    bridge_vlan_info info{};
    if (type != IFLA_BRIDGE_VLAN_INFO || payload.size() < sizeof info) return;
    std::memcpy(&info, payload.data(), sizeof info);
    if ((info.flags & BRIDGE_VLAN_INFO_RANGE_BEGIN) != 0) {
      begin = info.vid;
      return;
    }
    const bool ends = (info.flags & BRIDGE_VLAN_INFO_RANGE_END) != 0 && begin != 0;
    ranges.push_back({ends ? begin : info.vid, info.vid, (info.flags & BRIDGE_VLAN_INFO_PVID) != 0});
    begin = 0;
  });
  return ranges;
}

}  // namespace

machine::NetlinkRequest bridge_vlan_request() {
  ifinfomsg header{};
  header.ifi_family = AF_BRIDGE;
  std::string body = body_of(header);
  const std::uint32_t mask = RTEXT_FILTER_BRVLAN_COMPRESSED;
  const nlattr attribute{static_cast<std::uint16_t>(MNL_ATTR_HDRLEN + sizeof mask), IFLA_EXT_MASK};
  body += body_of(attribute) + body_of(mask);
  return {NETLINK_ROUTE, RTM_GETLINK, body};
}

BridgeVlanTable decode_bridge_vlans(const std::string& messages) {
  BridgeVlanTable table;
  const bool whole = for_each_message(messages, [&](const nlmsghdr* message) {
    if (message->nlmsg_type != RTM_NEWLINK) return;
    const auto header = fixed_header<ifinfomsg>(message);
    if (!header || header->ifi_index <= 0) {
      ++table.malformed;
      return;
    }
    if (header->ifi_family != AF_BRIDGE) return;
    const auto ifindex = static_cast<std::uint32_t>(header->ifi_index);
    // A bridge that is a port as well comes twice.
    auto vlans = ranges_of(Attributes{message, sizeof(ifinfomsg)}.bytes(IFLA_AF_SPEC));
    const auto same = std::find_if(table.rows.begin(), table.rows.end(), [&](const auto& row) { return row.ifindex == ifindex; });
    if (same == table.rows.end()) {
      table.rows.push_back({ifindex, std::move(vlans)});
    } else if (same->vlans.empty()) {
      same->vlans = std::move(vlans);
    }
  });
  if (!whole) ++table.malformed;
  return table;
}

}  // namespace synfate::inventory
