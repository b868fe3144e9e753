// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Real answers of a kernel, and a fake machine that gives them.
#pragma once

#include <doctest/doctest.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <fstream>
#include <iterator>
#include <string>

#include "machine/fake.hpp"

namespace synfate::test {

inline std::string fixture(const std::string& name) {
  std::ifstream file{std::string{SYNFATE_FIXTURES} + "/inventory/" + name, std::ios::binary};
  REQUIRE(file);
  return {std::istreambuf_iterator<char>{file}, {}};
}

inline machine::NetlinkReply reply(std::string messages) { return {std::move(messages), true}; }

using TableKey = std::tuple<int, std::uint16_t, std::uint8_t>;
inline const TableKey kLinkTable{NETLINK_ROUTE, RTM_GETLINK, AF_UNSPEC};
inline const TableKey kAddressTable{NETLINK_ROUTE, RTM_GETADDR, AF_UNSPEC};
inline const TableKey kRuleTable{NETLINK_ROUTE, RTM_GETRULE, AF_UNSPEC};
inline const TableKey kFdbTable{NETLINK_ROUTE, RTM_GETNEIGH, AF_BRIDGE};

/// The lab that capture.py drew these fixtures from.
inline void fill(machine::FakeNetns& netns) {
  netns.tables.insert_or_assign(kLinkTable, reply(fixture("links.bin")));
  netns.tables.insert_or_assign(kAddressTable, reply(fixture("addresses.bin")));
  netns.tables.insert_or_assign(kFdbTable, reply(fixture("fdb.bin")));
  netns.tables.insert_or_assign(kRuleTable, reply(fixture("rules.bin")));
  netns.files["/proc/sys/net/ipv4/ip_forward"] = "1\n";
  netns.files["/proc/sys/net/ipv4/ip_local_port_range"] = "32768\t60999\n";
}

}  // namespace synfate::test
