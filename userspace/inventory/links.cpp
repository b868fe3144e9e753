// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "inventory/links.hpp"

#include <linux/if.h>
#include <linux/if_link.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/rtnetlink.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "inventory/attributes.hpp"

namespace synfate::inventory {
namespace {

constexpr std::size_t kMaxKindBytes = 32;
/// IFLA_BRPORT_LOCKED, Linux 5.18: older headers do not have it.
constexpr std::uint16_t kPortLocked = 39;

struct DeviceSetting {
  std::size_t index;
  std::string_view name;
};
/// IFLA_INET_CONF starts at IPV4_DEVCONF 1, IFLA_INET6_CONF at DEVCONF 0.
constexpr std::array<DeviceSetting, 5> kIpv4Settings{{{IPV4_DEVCONF_FORWARDING - 1, "forwarding"},
                                                      {IPV4_DEVCONF_RP_FILTER - 1, "rp_filter"},
                                                      {IPV4_DEVCONF_ACCEPT_LOCAL - 1, "accept_local"},
                                                      {IPV4_DEVCONF_ROUTE_LOCALNET - 1, "route_localnet"},
                                                      {IPV4_DEVCONF_SRC_VMARK - 1, "src_valid_mark"}}};
constexpr std::array<DeviceSetting, 2> kIpv6Settings{{{DEVCONF_FORWARDING, "forwarding"}, {DEVCONF_DISABLE_IPV6, "disable_ipv6"}}};

template <std::size_t Count>
void keep_settings(std::string_view values, const std::array<DeviceSetting, Count>& settings, const std::string& prefix,
                   std::map<std::string, std::string>& sysctls) {
  for (const DeviceSetting& setting : settings) {
    std::int32_t value = 0;
    if (values.size() < (setting.index + 1) * sizeof value) continue;
    std::memcpy(&value, values.data() + setting.index * sizeof value, sizeof value);
    sysctls[prefix + std::string{setting.name}] = std::to_string(value);
  }
}

void keep_device_sysctls(const Attributes& attributes, const std::string& name, std::map<std::string, std::string>& sysctls) {
  const Attributes families = attributes.nested(IFLA_AF_SPEC);
  keep_settings(families.nested(AF_INET).bytes(IFLA_INET_CONF), kIpv4Settings, "net.ipv4.conf." + name + ".", sysctls);
  keep_settings(families.nested(AF_INET6).bytes(IFLA_INET6_CONF), kIpv6Settings, "net.ipv6.conf." + name + ".", sysctls);
}

std::optional<model::BridgePort> bridge_port(const Attributes& info) {
  if (info.text(IFLA_INFO_SLAVE_KIND, kMaxKindBytes) != "bridge") return std::nullopt;
  const Attributes data = info.nested(IFLA_INFO_SLAVE_DATA);
  const auto state = data.u8(IFLA_BRPORT_STATE);
  if (!state) return std::nullopt;
  model::BridgePort port;
  port.state = *state;
  port.hairpin = data.u8(IFLA_BRPORT_MODE).value_or(0) != 0;
  port.isolated = data.u8(IFLA_BRPORT_ISOLATED).value_or(0) != 0;
  port.locked = data.u8(kPortLocked).value_or(0) != 0;
  if (const auto flood = data.u8(IFLA_BRPORT_UNICAST_FLOOD)) port.flood = *flood != 0;
  return port;
}

/// IFLA_XDP_ATTACHED alone does not say which program is where, since there may be one of each kind.
std::vector<model::XdpProgram> xdp_programs(const Attributes& xdp) {
  std::vector<model::XdpProgram> programs;
  const auto add = [&](std::uint8_t mode, std::uint16_t attribute) {
    if (const auto id = xdp.u32(attribute); id && *id != 0) programs.push_back({mode, *id});
  };
  add(XDP_ATTACHED_DRV, IFLA_XDP_DRV_PROG_ID);
  add(XDP_ATTACHED_SKB, IFLA_XDP_SKB_PROG_ID);
  add(XDP_ATTACHED_HW, IFLA_XDP_HW_PROG_ID);
  return programs;
}

std::optional<LinkRow> decode_link(const Attributes& attributes, const ifinfomsg& header) {
  LinkRow row;
  model::Link& link = row.link;
  link.name = attributes.text(IFLA_IFNAME, IFNAMSIZ - 1);
  if (link.name.empty() || header.ifi_index <= 0) return std::nullopt;
  link.ifindex = static_cast<std::uint32_t>(header.ifi_index);
  link.up = (header.ifi_flags & IFF_UP) != 0;
  link.loopback = (header.ifi_flags & IFF_LOOPBACK) != 0;
  link.physical = attributes.has(IFLA_PARENT_DEV_NAME);
  link.mtu = attributes.u32(IFLA_MTU).value_or(0);
  link.master_ifindex = attributes.u32(IFLA_MASTER).value_or(0);
  const std::string_view mac = attributes.bytes(IFLA_ADDRESS);
  if (mac.size() == link.mac.size()) std::memcpy(link.mac.data(), mac.data(), mac.size());
  link.xdp = xdp_programs(attributes.nested(IFLA_XDP));
  const Attributes info = attributes.nested(IFLA_LINKINFO);
  link.kind = info.text(IFLA_INFO_KIND, kMaxKindBytes);
  link.bridge_port = bridge_port(info);
  if (link.up) {
    if (const auto carrier = attributes.u8(IFLA_CARRIER)) link.carrier = *carrier != 0;
  }
  if (link.kind == "bridge") {
    if (const auto filtering = info.nested(IFLA_INFO_DATA).u8(IFLA_BR_VLAN_FILTERING)) link.vlan_filtering = *filtering != 0;
  }
  // For other kinds IFLA_LINK is the device below (vlan, macvlan), not a peer.
  if (link.kind == "veth" || link.kind == "netkit") {
    link.peer_ifindex = attributes.u32(IFLA_LINK).value_or(0);
    row.peer_nsid = attributes.u32(IFLA_LINK_NETNSID);
  }
  return row;
}

}  // namespace

machine::NetlinkRequest link_request() {
  std::string body = body_of(ifinfomsg{});
  // The counters are most of the bytes and nobody here reads them.
  const std::uint32_t mask = RTEXT_FILTER_SKIP_STATS;
  const nlattr attribute{static_cast<std::uint16_t>(MNL_ATTR_HDRLEN + sizeof mask), IFLA_EXT_MASK};
  body += body_of(attribute) + body_of(mask);
  return {NETLINK_ROUTE, RTM_GETLINK, body};
}

LinkTable decode_links(const std::string& messages) {
  LinkTable table;
  const bool whole = for_each_message(messages, [&](const nlmsghdr* message) {
    if (message->nlmsg_type != RTM_NEWLINK) return;
    const auto header = fixed_header<ifinfomsg>(message);
    if (!header) {
      ++table.malformed;
      return;
    }
    const Attributes attributes{message, sizeof(ifinfomsg)};
    auto row = decode_link(attributes, *header);
    if (!row) {
      ++table.malformed;
      return;
    }
    keep_device_sysctls(attributes, row->link.name, table.sysctls);
    table.rows.push_back(*std::move(row));
  });
  if (!whole) ++table.malformed;
  return table;
}

}  // namespace synfate::inventory
