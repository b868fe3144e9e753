// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <doctest/doctest.h>
#include <linux/if_link.h>

#include <cstring>

#include "fixtures.hpp"
#include "inventory/attributes.hpp"
#include "inventory/reader.hpp"

using namespace synfate;
using namespace synfate::inventory;

namespace {

constexpr model::NetnsId kHost = 4026531840;
constexpr model::NetnsId kPod = 4026532511;
constexpr std::uint32_t kBridge = 7;
constexpr std::uint32_t kCable = 8;

template <class Header>
std::string message(std::uint16_t type, const Header& fixed, const std::string& attributes) {
  nlmsghdr header{};
  header.nlmsg_len = static_cast<std::uint32_t>(sizeof header + sizeof fixed + attributes.size());
  header.nlmsg_type = type;
  return body_of(header) + body_of(fixed) + attributes;
}

std::string number(std::uint32_t value) { return body_of(value); }

/// peer: the other end's ifindex, in the namespace that is number 0 here.
std::string device(std::uint32_t ifindex, const std::string& name, const std::string& kind, std::uint32_t master = 0,
                   std::uint32_t peer = 0) {
  ifinfomsg fixed{};
  fixed.ifi_index = static_cast<int>(ifindex);
  std::string attributes;
  append_attribute(attributes, IFLA_IFNAME, name + '\0');
  if (master != 0) append_attribute(attributes, IFLA_MASTER, number(master));
  if (peer != 0) append_attribute(attributes, IFLA_LINK, number(peer));
  if (peer != 0) append_attribute(attributes, IFLA_LINK_NETNSID, number(0));
  std::string info;
  append_attribute(info, IFLA_INFO_KIND, kind + '\0');
  append_attribute(attributes, IFLA_LINKINFO, info);
  return message(RTM_NEWLINK, fixed, attributes);
}

std::string has_address(std::uint32_t ifindex, const char* address) {
  ifaddrmsg fixed{};
  fixed.ifa_family = AF_INET;
  fixed.ifa_prefixlen = 24;
  fixed.ifa_index = ifindex;
  const auto parsed = model::parse_ip(address).value();
  std::string attributes;
  append_attribute(attributes, IFA_LOCAL, {reinterpret_cast<const char*>(parsed.bytes.data()), 4});
  return message(RTM_NEWADDR, fixed, attributes);
}

void fill(machine::FakeNetns& netns, const std::string& links, const std::string& addresses) {
  netns.tables.insert_or_assign(test::kLinkTable, test::reply(links));
  netns.tables.insert_or_assign(test::kAddressTable, test::reply(addresses));
}

/// A bridge with one port, a cable to a pod.
machine::FakeMachine node() {
  machine::FakeMachine machine;
  machine.add_process(1, "systemd", kHost);
  machine.add_process(42, "web", kPod);
  machine.add_link("/proc/self/ns/net", "net:[" + std::to_string(kHost) + "]");
  machine.add_file("/proc/thread-self/mountinfo", "");
  fill(machine.netns(kHost), device(kBridge, "cni0", "bridge") + device(kCable, "vethpod", "veth", kBridge, 2),
       has_address(kBridge, "10.0.1.1"));
  fill(machine.netns(kPod), device(2, "eth0", "veth"), has_address(2, "10.0.1.2"));
  machine.netns(kHost).nsids[kPod] = 0;
  return machine;
}

model::AddressSearch searched(InventoryReader& reader, const char* address, std::uint32_t ifindex = kBridge) {
  REQUIRE(reader.refresh());
  (void)reader.read_details(kHost);
  const auto wanted = model::parse_ip(address).value();
  CHECK(reader.search_address(wanted, kHost, ifindex, 1 * kSecond));
  CHECK_FALSE(reader.search_address(wanted, kHost, ifindex, 1 * kSecond));
  const auto* search = reader.current().search_for(wanted, kHost, ifindex);
  REQUIRE(search != nullptr);
  return *search;
}

}  // namespace

TEST_CASE("who has an address, of all namespaces") {
  machine::FakeMachine machine = node();
  InventoryReader reader{machine};
  const auto search = searched(reader, "10.0.1.2");
  CHECK(search.owners == std::vector<model::NetnsId>{kPod});
  CHECK(search.namespaces == 2);
}

TEST_CASE("nobody has it, and the bridge leads to nobody else") {
  machine::FakeMachine machine = node();
  InventoryReader reader{machine};
  const auto search = searched(reader, "10.0.1.99");
  CHECK(search.owners.empty());
  CHECK(search.gap.empty());
  CHECK(search.beyond.empty());
}

TEST_CASE("a bridge that leads further") {
  machine::FakeMachine machine = node();
  std::string expected;
  std::string more;
  SUBCASE("a tunnel") {
    more = device(9, "vxlan0", "vxlan", kBridge);
    expected = "its port vxlan0";
  }
  SUBCASE("a tap") {
    more = device(9, "tap0", "tun", kBridge);
    expected = "its port tap0";
  }
  SUBCASE("a cable to another bridge") {
    fill(machine.netns(kPod), device(2, "eth0", "veth", 3) + device(3, "br0", "bridge"), has_address(2, "10.0.1.2"));
    expected = "its port vethpod, whose other end is a port of another device";
  }
  SUBCASE("a virtual machine in the pod") {
    fill(machine.netns(kPod), device(2, "eth0", "veth") + device(3, "tap0_kata", "tun"), has_address(2, "10.0.1.2"));
    expected = "its port vethpod, behind which may be a virtual machine";
  }
  SUBCASE("a namespace that was not found") {
    machine.netns(kHost).nsids.clear();
    expected = "its port vethpod, whose other end is in a network namespace that was not found";
  }
  machine.netns(kHost).tables.insert_or_assign(
      test::kLinkTable, test::reply(device(kBridge, "cni0", "bridge") + device(kCable, "vethpod", "veth", kBridge, 2) + more));
  InventoryReader reader{machine};
  CHECK(searched(reader, "10.0.1.99").beyond == expected);
}

TEST_CASE("what could not be read is a gap of the search") {
  machine::FakeMachine machine = node();
  machine.add_process(43, "db", kPod + 1);
  machine.netns(kPod + 1).entering = Error{ErrorKind::Permission, "cannot enter it", "", ""};
  InventoryReader reader{machine};
  const auto search = searched(reader, "10.0.1.99");
  CHECK(search.namespaces == 2);
  CHECK(search.gap.find("the addresses of 1 network namespaces could not be read: cannot enter it") == 0);
}

TEST_CASE("a namespace that has come since is asked too") {
  machine::FakeMachine machine = node();
  InventoryReader reader{machine};
  CHECK(searched(reader, "10.0.1.99").owners.empty());
  machine.add_process(44, "late", kPod + 2);
  fill(machine.netns(kPod + 2), device(2, "eth0", "veth"), has_address(2, "10.0.1.99"));
  reader.discover();
  CHECK(reader.search_address(model::parse_ip("10.0.1.99").value(), kHost, kBridge, 1 * kSecond));
  CHECK(reader.current().searches.back().owners == std::vector<model::NetnsId>{kPod + 2});
}
