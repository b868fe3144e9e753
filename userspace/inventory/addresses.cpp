// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "inventory/addresses.hpp"

#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <cstring>

#include "inventory/attributes.hpp"

namespace synfate::inventory {

machine::NetlinkRequest address_request() { return {NETLINK_ROUTE, RTM_GETADDR, body_of(ifaddrmsg{})}; }

AddressTable decode_addresses(const std::string& messages) {
  AddressTable table;
  const bool whole = for_each_message(messages, [&](const nlmsghdr* message) {
    if (message->nlmsg_type != RTM_NEWADDR) return;
    const auto header = fixed_header<ifaddrmsg>(message);
    if (!header) {
      ++table.malformed;
      return;
    }
    if (header->ifa_family != AF_INET && header->ifa_family != AF_INET6) return;
    const Attributes attributes{message, sizeof(ifaddrmsg)};
    // On a point-to-point device IFA_ADDRESS is the other end; IFA_LOCAL, where present, is always this one.
    const std::string_view raw = attributes.bytes(attributes.has(IFA_LOCAL) ? IFA_LOCAL : IFA_ADDRESS);
    const std::size_t expected = header->ifa_family == AF_INET ? 4 : 16;
    if (raw.size() != expected || header->ifa_prefixlen > expected * 8) {
      ++table.malformed;
      return;
    }
    model::InterfaceAddress address;
    address.address.family = header->ifa_family == AF_INET ? 4 : 6;
    std::memcpy(address.address.bytes.data(), raw.data(), raw.size());
    address.prefix_length = header->ifa_prefixlen;
    table.rows.emplace_back(header->ifa_index, address);
  });
  if (!whole) ++table.malformed;
  return table;
}

}  // namespace synfate::inventory
