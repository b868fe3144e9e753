// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "inventory/reader.hpp"

#include <doctest/doctest.h>

#include <algorithm>

#include "fixtures.hpp"

using namespace synfate;
using namespace synfate::inventory;

namespace {

constexpr model::NetnsId kHost = 4026531840;
constexpr model::NetnsId kPod = 4026532511;
constexpr model::NetnsId kPeer = 4026532617;

/// A host with synfate in it, a pod whose namespace is the captured lab, and the namespace behind the lab's bridge port.
machine::FakeMachine node() {
  machine::FakeMachine machine;
  machine.add_process(1, "systemd", kHost);
  machine.add_process(42, "python3", kPod);
  machine.add_process(43, "nginx", kPeer);
  machine.add_link("/proc/self/ns/net", "net:[" + std::to_string(kHost) + "]");
  machine.add_file("/proc/thread-self/mountinfo", "1 1 0:4 net:[" + std::to_string(kPeer) + "] /run/netns/blue rw - nsfs nsfs rw\n");
  machine.add_netns_mount("/run/netns/blue", kPeer);
  test::fill(machine.netns(kPod));
  machine.netns(kPod).nsids[kPeer] = 0;
  return machine;
}

bool has_gap(const std::vector<model::Gap>& gaps, const std::string& code) {
  return std::any_of(gaps.begin(), gaps.end(), [&](const model::Gap& gap) { return gap.code == code; });
}

const model::Link& link(const model::Netns& netns, const std::string& name) {
  const auto found = std::find_if(netns.links.begin(), netns.links.end(), [&](const model::Link& each) { return each.name == name; });
  REQUIRE(found != netns.links.end());
  return *found;
}

}  // namespace

TEST_CASE("a refresh names the namespaces and enters none") {
  machine::FakeMachine machine = node();
  InventoryReader reader{machine};
  REQUIRE(reader.refresh());
  const model::Inventory& inventory = reader.current();
  REQUIRE(inventory.namespaces.size() == 3);
  CHECK(inventory.gaps.empty());
  CHECK(inventory.own_netns == kHost);

  CHECK(inventory.find(kHost)->host);
  CHECK(inventory.label(kHost) == "host");
  CHECK(inventory.find(kHost)->source == "init");
  CHECK(inventory.label(kPod) == "4026532511 (python3[42])");
  CHECK(inventory.find(kPod)->source == "/proc/42/ns/net");
  CHECK(inventory.label(kPeer) == "blue");
  CHECK(inventory.find(kPeer)->source == "/run/netns/blue");
  CHECK(inventory.find(kPeer)->example_comm == "nginx");
  CHECK(machine.visits() == 0);
  CHECK(reader.knows(kPod));
  CHECK_FALSE(reader.knows(7));
}

TEST_CASE("details join devices, addresses, bridge entries, settings and peers") {
  machine::FakeMachine machine = node();
  InventoryReader reader{machine};
  REQUIRE(reader.refresh());
  REQUIRE(reader.read_details(kPod));
  const model::Netns& pod = *reader.current().find(kPod);
  CHECK(pod.details_read);
  CHECK(pod.gaps.empty());
  CHECK(link(pod, "port1").peer_netns == kPeer);
  CHECK(link(pod, "here").peer_netns == kPod);
  CHECK_FALSE(link(pod, "br0").peer_netns);
  CHECK(link(pod, "br0").addresses.size() >= 2);
  CHECK_FALSE(pod.fdb.empty());
  CHECK(pod.sysctls.at("net.ipv4.ip_forward") == "1");
  CHECK(pod.sysctls.at("net.ipv4.ip_local_port_range") == "32768\t60999");
  CHECK(pod.sysctls.count("net.ipv4.conf.dots.in.name.rp_filter") == 1);
  CHECK(pod.sysctls.count("net.ipv4.tcp_syn_linear_timeouts") == 0);
}

TEST_CASE("a peer that no namespace answers for stays unknown, and is said") {
  machine::FakeMachine machine = node();
  machine.netns(kPod).nsids.clear();
  InventoryReader reader{machine};
  REQUIRE(reader.refresh());
  REQUIRE(reader.read_details(kPod));
  const model::Netns& pod = *reader.current().find(kPod);
  CHECK_FALSE(link(pod, "port1").peer_netns);
  CHECK(link(pod, "port1").peer_ifindex != 0);
  CHECK(has_gap(pod.gaps, "veth_peer_unknown"));
}

TEST_CASE("a namespace that vanishes before it is entered is Gone and keeps what was known") {
  machine::FakeMachine machine = node();
  InventoryReader reader{machine};
  REQUIRE(reader.refresh());
  REQUIRE(reader.read_details(kPod));
  machine.remove("/proc/42");
  CHECK(reader.read_details(kPod).error().kind == ErrorKind::Gone);
  CHECK_FALSE(reader.knows(kPod));
  const model::Netns& pod = *reader.current().find(kPod);
  CHECK(pod.gone);
  CHECK(pod.example_comm == "python3");
  CHECK_FALSE(pod.links.empty());
  REQUIRE(reader.refresh());
  CHECK(reader.current().label(kPod) == "4026532511 (python3[42])");
  CHECK(reader.read_details(12345).error().kind == ErrorKind::Gone);
}

TEST_CASE("another process under the same number does not lead into the wrong namespace") {
  machine::FakeMachine machine = node();
  InventoryReader reader{machine};
  REQUIRE(reader.refresh());
  machine.add_process(42, "someone-else", kPeer);
  CHECK(reader.read_details(kPod).error().kind == ErrorKind::Gone);
  CHECK(reader.current().find(kPod)->links.empty());
}

TEST_CASE("a number that the kernel used again does not inherit the facts of the old namespace") {
  machine::FakeMachine machine = node();
  InventoryReader reader{machine};
  REQUIRE(reader.refresh());
  REQUIRE(reader.read_details(kPod));
  SUBCASE("seen to be gone in between") {
    machine.remove("/proc/42");
    REQUIRE(reader.refresh());
  }
  SUBCASE("not seen") { machine.remove("/proc/42"); }
  machine.add_process(77, "another-pod", kPod);
  REQUIRE(reader.refresh());
  const model::Netns& pod = *reader.current().find(kPod);
  CHECK(reader.knows(kPod));
  CHECK(pod.example_comm == "another-pod");
  CHECK(pod.links.empty());
  CHECK_FALSE(pod.details_read);
}

TEST_CASE("a refresh keeps the details of what is still there") {
  machine::FakeMachine machine = node();
  InventoryReader reader{machine};
  REQUIRE(reader.refresh());
  REQUIRE(reader.read_details(kPod));
  machine.add_process(41, "smaller", kPod);
  REQUIRE(reader.refresh());
  CHECK(reader.current().find(kPod)->example_comm == "smaller");
  CHECK(reader.current().find(kPod)->details_read);
  CHECK_FALSE(reader.current().find(kPod)->links.empty());
}

TEST_CASE("a namespace whose example has ended is entered through another of its processes") {
  machine::FakeMachine machine = node();
  machine.add_process(41, "short-lived", kPod);
  InventoryReader reader{machine};
  REQUIRE(reader.refresh());
  machine.remove("/proc/41");
  REQUIRE(reader.read_details(kPod));
  CHECK(reader.knows(kPod));
}

TEST_CASE("a table that cannot be read is a gap and keeps its last rows") {
  machine::FakeMachine machine = node();
  InventoryReader reader{machine};
  REQUIRE(reader.refresh());
  REQUIRE(reader.read_details(kPod));
  const std::size_t links = reader.current().find(kPod)->links.size();
  const Error refused{ErrorKind::Permission, "netlink", "refused", ""};
  auto& netns = machine.netns(kPod);

  netns.tables.insert_or_assign(test::kAddressTable, refused);
  REQUIRE(reader.read_details(kPod));
  const model::Netns& pod = *reader.current().find(kPod);
  CHECK(has_gap(pod.gaps, "addresses_unreadable"));
  CHECK(link(pod, "br0").addresses.size() >= 2);

  netns.tables.insert_or_assign(test::kLinkTable, refused);
  netns.tables.insert_or_assign(test::kFdbTable, refused);
  netns.failures.insert_or_assign("/proc/sys/net/ipv4/ip_forward", refused);
  REQUIRE(reader.read_details(kPod));
  CHECK(has_gap(pod.gaps, "devices_unreadable"));
  CHECK(has_gap(pod.gaps, "bridge_entries_unreadable"));
  CHECK(has_gap(pod.gaps, "sysctls_unreadable"));
  CHECK(pod.links.size() == links);
  CHECK_FALSE(pod.fdb.empty());
}

TEST_CASE("an answer that is inconsistent or cut is used and said to be incomplete") {
  machine::FakeMachine machine = node();
  InventoryReader reader{machine};
  REQUIRE(reader.refresh());
  SUBCASE("changed while read") {
    machine.netns(kPod).tables.insert_or_assign(test::kLinkTable, machine::NetlinkReply{test::fixture("links.bin"), false});
  }
  SUBCASE("cut") {
    const std::string whole = test::fixture("links.bin");
    machine.netns(kPod).tables.insert_or_assign(test::kLinkTable, test::reply(whole.substr(0, whole.size() - 100)));
  }
  REQUIRE(reader.read_details(kPod));
  CHECK(has_gap(reader.current().find(kPod)->gaps, "devices_incomplete"));
  CHECK_FALSE(reader.current().find(kPod)->links.empty());
}

TEST_CASE("a namespace that may not be entered is a permission error, not a vanished one") {
  machine::FakeMachine machine = node();
  machine.netns(kPod).entering = Error{ErrorKind::Permission, "cannot enter", "Operation not permitted", ""};
  InventoryReader reader{machine};
  REQUIRE(reader.refresh());
  CHECK(reader.read_details(kPod).error().kind == ErrorKind::Permission);
  CHECK(reader.knows(kPod));
}

TEST_CASE("unreadable processes are one gap with their number") {
  machine::FakeMachine machine = node();
  for (std::uint32_t tgid = 100; tgid < 2100; ++tgid) {
    machine.add_process(tgid, "hidden", 11);
    machine.fail("/proc/" + std::to_string(tgid) + "/ns/net", {ErrorKind::Permission, "", "", ""});
  }
  InventoryReader reader{machine};
  REQUIRE(reader.refresh());
  REQUIRE(reader.current().gaps.size() == 1);
  CHECK(reader.current().gaps[0].code == "netns_unreadable");
  CHECK(reader.current().gaps[0].text.find("2000") != std::string::npos);
  CHECK(reader.current().find(11) == nullptr);
}

TEST_CASE("whether synfate stands in the host's namespace is said when it does not, or cannot be known") {
  machine::FakeMachine machine = node();
  InventoryReader reader{machine};
  SUBCASE("elsewhere") {
    machine.add_link("/proc/self/ns/net", "net:[" + std::to_string(kPod) + "]");
    REQUIRE(reader.refresh());
    CHECK(has_gap(reader.current().gaps, "own_netns_not_host"));
    CHECK(reader.current().own_netns == kPod);
  }
  SUBCASE("pid 1 may not be read") {
    machine.fail("/proc/1/ns/net", {ErrorKind::Permission, "", "", ""});
    REQUIRE(reader.refresh());
    CHECK(has_gap(reader.current().gaps, "host_netns_unknown"));
    CHECK_FALSE(reader.current().find(kHost)->host);
  }
  SUBCASE("pid 1 may not be read, but the kernel gives its first namespace a number of its own") {
    machine.fail("/proc/1/ns/net", {ErrorKind::Permission, "", "", ""});
    machine.add_link("/proc/self/ns/net", "net:[4026531833]");
    REQUIRE(reader.refresh());
    CHECK_FALSE(has_gap(reader.current().gaps, "host_netns_unknown"));
    CHECK(reader.current().find(4026531833)->host);
  }
  SUBCASE("processes are hidden") {
    machine.remove("/proc/1");
    REQUIRE(reader.refresh());
    CHECK(has_gap(reader.current().gaps, "processes_hidden"));
  }
}

TEST_CASE("pods that come and go all day do not grow the inventory without end") {
  machine::FakeMachine machine;
  machine.add_file("/proc/thread-self/mountinfo", "");
  machine.add_directory("/proc");
  InventoryReader reader{machine};
  constexpr model::NetnsId kFirst = 4026533000;
  constexpr model::NetnsId kCount = 3000;
  for (model::NetnsId n = 0; n < kCount; ++n) {
    machine.add_process(5000 + n, "pod", kFirst + n);
    REQUIRE(reader.refresh());
    machine.remove("/proc/" + std::to_string(5000 + n));
  }
  REQUIRE(reader.refresh());
  CHECK(reader.current().namespaces.size() == 1024);
  CHECK(reader.current().find(kFirst) == nullptr);
  CHECK(reader.current().find(kFirst + kCount - 1) != nullptr);
}

TEST_CASE("without /proc a refresh fails and leaves what was known") {
  machine::FakeMachine machine = node();
  InventoryReader reader{machine};
  REQUIRE(reader.refresh());
  machine.fail("/proc", {ErrorKind::Gone, "cannot list /proc", "No such file or directory", ""});
  CHECK_FALSE(reader.refresh());
  CHECK(reader.knows(kPod));
}
