// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Queues, neighbour tables and VLANs as the kernel tells them.
#include "inventory/device_queues.hpp"

#include <doctest/doctest.h>
#include <linux/if_bridge.h>
#include <linux/if_link.h>

#include <algorithm>

#include "fixtures.hpp"
#include "inventory/attributes.hpp"
#include "inventory/bridge_vlans.hpp"
#include "inventory/neighbour_tables.hpp"

using namespace synfate;
using namespace synfate::inventory;

namespace {

const model::Qdisc& qdisc(const QdiscTable& table, std::uint32_t handle) {
  const auto found = std::find_if(table.rows.begin(), table.rows.end(), [&](const auto& each) { return each.handle == handle; });
  REQUIRE(found != table.rows.end());
  return *found;
}

std::string vlan(std::uint16_t flags, std::uint16_t number) {
  const bridge_vlan_info info{flags, number};
  return {reinterpret_cast<const char*>(&info), sizeof info};
}

/// As br_fill_ifinfo() tells a port's VLANs.
std::string port_message(int ifindex, const std::string& specification) {
  ifinfomsg header{};
  header.ifi_family = AF_BRIDGE;
  header.ifi_index = ifindex;
  std::string body = body_of(header);
  append_attribute(body, IFLA_AF_SPEC, specification);
  nlmsghdr message{};
  message.nlmsg_len = static_cast<std::uint32_t>(sizeof message + body.size());
  message.nlmsg_type = RTM_NEWLINK;
  return body_of(message) + body;
}

}  // namespace

TEST_CASE("queueing disciplines have a place and count their drops") {
  const QdiscTable table = decode_qdiscs(test::fixture("qdiscs.bin"));
  CHECK(table.malformed == 0);
  CHECK_MESSAGE(table.rows.size() == 3, "noqueue and clsact hold no packet");
  const model::Qdisc& leaf = qdisc(table, 0x200000);
  CHECK(leaf.kind == "pfifo");
  CHECK(leaf.parent == 0x10010);
  CHECK(leaf.drops == 2);
  const model::Qdisc& root = qdisc(table, 0x10000);
  CHECK(root.kind == "htb");
  CHECK(root.parent == 0xffff'ffff);
  CHECK(root.ifindex == leaf.ifindex);
  CHECK(qdisc(table, 0x70000).drops == 3);
}

TEST_CASE("the input queues of all CPUs, hexadecimal") {
  const auto queues = parse_input_queues(test::fixture("softnet_stat.txt"));
  REQUIRE(queues);
  REQUIRE(queues->size() == 2);
  CHECK((*queues)[1].cpu == 1);
  CHECK((*queues)[1].dropped == 0);
  const auto made = parse_input_queues("10 2a 0 0 0 0 0 0 0 0 3 0 1f 0 0\n");
  REQUIRE(made);
  CHECK((*made)[0].dropped == 42);
  CHECK((*made)[0].flow_limited == 3);
  CHECK((*made)[0].cpu == 31);
  CHECK_FALSE(parse_input_queues("10 2a 0 0 0 0 0 0 0 0 3\n"));
  CHECK_FALSE(parse_input_queues("10 2a 0 0 0 0 0 0 0 0 3 0 x 0 0\n"));
  CHECK(parse_input_queues("")->empty());
}

TEST_CASE("neighbour tables have one bound for the machine, and queues one for each device") {
  const NeighbourBounds bounds = decode_neighbour_bounds(test::fixture("neighbour_tables.bin"));
  CHECK(bounds.malformed == 0);
  REQUIRE(bounds.tables.size() == 2);
  for (const model::NeighbourTable& table : bounds.tables) {
    CHECK((table.family == 4 || table.family == 6));
    CHECK(table.limit >= 1024);
    CHECK(table.entries > 0);
    CHECK(table.entries < table.limit);
  }
  CHECK(std::any_of(bounds.queues.begin(), bounds.queues.end(),
                    [](const model::NeighbourQueue& queue) { return queue.family == 4 && queue.ifindex == 2 && queue.limit_bytes > 0; }));
}

TEST_CASE("neighbour entries that have a MAC address") {
  const NeighbourEntries entries = decode_neighbours(test::fixture("neighbours.bin"));
  CHECK(entries.malformed == 0);
  unsigned found = 0;
  for (const model::NeighbourEntry& entry : entries.rows) {
    if (entry.mac != model::MacAddress{2, 0, 0, 0, 0, 5}) continue;
    ++found;
    CHECK((entry.state & 0x80U) != 0);
    CHECK(to_string(entry.address) == (entry.address.family == 4 ? "10.9.0.5" : "fd09::5"));
  }
  CHECK(found == 2);
}

TEST_CASE("VLANs of a bridge's ports, ranges and the untagged one") {
  std::string specification;
  append_attribute(specification, IFLA_BRIDGE_VLAN_INFO, vlan(BRIDGE_VLAN_INFO_PVID | BRIDGE_VLAN_INFO_UNTAGGED, 1));
  append_attribute(specification, IFLA_BRIDGE_VLAN_INFO, vlan(BRIDGE_VLAN_INFO_RANGE_BEGIN, 10));
  append_attribute(specification, IFLA_BRIDGE_VLAN_INFO, vlan(BRIDGE_VLAN_INFO_RANGE_END, 12));
  const std::string messages = port_message(5, specification) + port_message(6, "");
  const BridgeVlanTable table = decode_bridge_vlans(messages);
  CHECK(table.malformed == 0);
  REQUIRE(table.rows.size() == 2);
  REQUIRE(table.rows[0].vlans.size() == 2);
  CHECK(table.rows[0].vlans[0].pvid);
  CHECK(table.rows[0].vlans[1].first == 10);
  CHECK(table.rows[0].vlans[1].last == 12);
  CHECK_FALSE(table.rows[0].vlans[1].pvid);
  CHECK(table.rows[1].vlans.empty());
  CHECK(decode_bridge_vlans(messages.substr(0, messages.size() - 3)).malformed == 1);
}

TEST_CASE("an answer that is cut says so") {
  for (const char* name : {"qdiscs.bin", "neighbour_tables.bin", "neighbours.bin"}) {
    CAPTURE(name);
    const std::string whole = test::fixture(name);
    for (std::size_t length = 1; length < 16; ++length) {
      const std::string cut = whole.substr(0, length);
      CHECK(decode_qdiscs(cut).malformed + decode_neighbour_bounds(cut).malformed + decode_neighbours(cut).malformed == 3);
    }
  }
}

TEST_CASE("what cannot be read is a gap, not an empty queue") {
  machine::FakeMachine machine;
  machine.add_netns_mount("/run/netns/x", 7);
  const auto handle = machine.open_netns("/run/netns/x");
  REQUIRE(handle);
  const auto look = [&](model::Netns& netns) {
    REQUIRE(machine.inside(*handle, [&](machine::NetnsVisit& visit) {
      read_queues_of(visit, netns);
      read_neighbours_of(visit, {{2, 0, 0, 0, 0, 5}}, netns);
    }));
  };
  model::Netns blind;
  look(blind);
  CHECK_FALSE(blind.queues->qdiscs_read);
  CHECK_FALSE(blind.neighbours->entries_read);
  CHECK(blind.gaps.size() == 4);

  machine::FakeNetns& there = machine.netns(7);
  const auto answer = [&](std::uint16_t type, const char* name) {
    there.tables.insert_or_assign(test::TableKey{NETLINK_ROUTE, type, AF_UNSPEC}, test::reply(test::fixture(name)));
  };
  answer(RTM_GETQDISC, "qdiscs.bin");
  answer(RTM_GETNEIGHTBL, "neighbour_tables.bin");
  answer(RTM_GETNEIGH, "neighbours.bin");
  there.files["/proc/thread-self/net/softnet_stat"] = test::fixture("softnet_stat.txt");
  model::Netns netns;
  look(netns);
  CHECK(netns.gaps.empty());
  CHECK(netns.queues->qdiscs_read);
  CHECK(netns.queues->qdiscs.size() == 3);
  CHECK(netns.queues->input.size() == 2);
  CHECK(netns.neighbours->tables.size() == 2);
  CHECK_MESSAGE(netns.neighbours->entries.size() == 2, "only with that MAC address");
}
