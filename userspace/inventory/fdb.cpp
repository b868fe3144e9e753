// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "inventory/fdb.hpp"

#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <cstring>

#include "inventory/attributes.hpp"

namespace synfate::inventory {

machine::NetlinkRequest fdb_request() {
  ndmsg header{};
  header.ndm_family = AF_BRIDGE;
  return {NETLINK_ROUTE, RTM_GETNEIGH, body_of(header)};
}

FdbTable decode_fdb(const std::string& messages) {
  FdbTable table;
  const bool whole = for_each_message(messages, [&](const nlmsghdr* message) {
    if (message->nlmsg_type != RTM_NEWNEIGH) return;
    const auto header = fixed_header<ndmsg>(message);
    if (!header) {
      ++table.malformed;
      return;
    }
    const Attributes attributes{message, sizeof(ndmsg)};
    const auto bridge = attributes.u32(NDA_MASTER);
    // A NIC's own filter list (NTF_SELF) and a vxlan's table come in the same dump and have no bridge.
    if (header->ndm_family != AF_BRIDGE || !bridge) return;
    const std::string_view mac = attributes.bytes(NDA_LLADDR);
    model::FdbEntry entry;
    if (mac.size() != entry.mac.size() || header->ndm_ifindex <= 0) {
      ++table.malformed;
      return;
    }
    std::memcpy(entry.mac.data(), mac.data(), mac.size());
    entry.bridge_ifindex = *bridge;
    entry.port_ifindex = static_cast<std::uint32_t>(header->ndm_ifindex);
    entry.local = (header->ndm_state & NUD_PERMANENT) != 0;
    table.rows.push_back(entry);
  });
  if (!whole) ++table.malformed;
  return table;
}

}  // namespace synfate::inventory
