// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <doctest/doctest.h>
#include <linux/sock_diag.h>

#include "fixtures.hpp"
#include "inventory/reader.hpp"
#include "inventory/sockets.hpp"

using namespace synfate;
using namespace synfate::inventory;

namespace {

constexpr model::NetnsId kPod = 4026532511;

machine::FakeMachine pod_machine() {
  machine::FakeMachine machine;
  machine.add_process(42, "server", kPod);
  machine.add_file("/proc/thread-self/mountinfo", "");
  auto& netns = machine.netns(kPod);
  netns.files["/proc/thread-self/net/tcp"] = test::fixture("proc_net_tcp.txt");
  netns.files["/proc/thread-self/net/tcp6"] = test::fixture("proc_net_tcp6.txt");
  netns.tables.insert_or_assign(test::TableKey{NETLINK_SOCK_DIAG, SOCK_DIAG_BY_FAMILY, AF_INET}, test::reply(test::fixture("diag4.bin")));
  netns.tables.insert_or_assign(test::TableKey{NETLINK_SOCK_DIAG, SOCK_DIAG_BY_FAMILY, AF_INET6}, test::reply(test::fixture("diag6.bin")));
  return machine;
}

}  // namespace

TEST_CASE("inet_diag tells the queue of each listener") {
  const ListenTable four = decode_listeners(test::fixture("diag4.bin"));
  CHECK(four.complete);
  REQUIRE(four.rows.size() == 1);
  CHECK(to_string(four.rows[0].local) == "127.0.0.1:8080");
  CHECK(four.rows[0].queue_length == 1);
  CHECK(four.rows[0].queue_limit == 7U);
  CHECK(four.rows[0].inode != 0);
  const ListenTable six = decode_listeners(test::fixture("diag6.bin"));
  REQUIRE(six.rows.size() == 1);
  CHECK(to_string(six.rows[0].local) == "[::]:9090");
  CHECK(six.rows[0].queue_limit == 9U);
}

TEST_CASE("/proc/net/tcp tells the same sockets, without the limit") {
  const ListenTable four = parse_proc_tcp(test::fixture("proc_net_tcp.txt"), false);
  CHECK(four.complete);
  const ListenTable diag = decode_listeners(test::fixture("diag4.bin"));
  REQUIRE(four.rows.size() == 1);
  CHECK(four.rows[0].local == diag.rows[0].local);
  CHECK(four.rows[0].inode == diag.rows[0].inode);
  CHECK(four.rows[0].queue_length == diag.rows[0].queue_length);
  CHECK_FALSE(four.rows[0].queue_limit);
  const ListenTable six = parse_proc_tcp(test::fixture("proc_net_tcp6.txt"), false);
  REQUIRE(six.rows.size() == 1);
  CHECK(to_string(six.rows[0].local) == "[::]:9090");
}

TEST_CASE("a cut table is complete only if all listeners were before the cut") {
  const std::string text = test::fixture("proc_net_tcp.txt");
  const std::size_t established = text.find(" 01 ");
  REQUIRE(established != std::string::npos);
  CHECK(parse_proc_tcp(text.substr(0, text.size() - 20), true).complete);
  const ListenTable half = parse_proc_tcp(text.substr(0, established), true);
  CHECK_FALSE(half.complete);
  CHECK(half.rows.size() == 1);
}

TEST_CASE("rows that are not rows are counted out") {
  const std::string head = "  sl  local_address\n";
  for (const char* line : {"0: nonsense", "0: 0100007F:1F90 x 0A 0:0 0:0 0 0 0", "0: 0100007F:1FFFF 0 0A 0:0 0:0 0 0 0 1",
                           "0: 010000:1F90 0 0A 0:0 0:0 0 0 0 1", "0: 0100007F:1F90 0 0A 00 0:0 0 0 0 1", "\x1b[2J"}) {
    const ListenTable table = parse_proc_tcp(head + line + "\n", false);
    CHECK(table.rows.empty());
    CHECK_FALSE(table.complete);
  }
  CHECK(parse_proc_tcp("", false).rows.empty());
}

TEST_CASE("inet_diag is asked only where asking loads no module") {
  machine::FakeMachine machine;
  // No /proc/modules: a kernel that cannot load any.
  CHECK(may_ask_inet_diag(machine));
  machine.add_file("/proc/modules", "nf_tables 1 0 - Live 0x0\n");
  CHECK_FALSE(may_ask_inet_diag(machine));
  machine.add_file("/proc/sys/kernel/osrelease", "6.1.0-test\n");
  machine.add_file("/lib/modules/6.1.0-test/modules.builtin", "kernel/net/ipv4/udp_diag.ko\n");
  CHECK_FALSE(may_ask_inet_diag(machine));
  machine.add_file("/lib/modules/6.1.0-test/modules.builtin", "kernel/net/ipv4/tcp_diag.ko\n");
  CHECK(may_ask_inet_diag(machine));
  machine.remove("/lib/modules/6.1.0-test/modules.builtin");
  machine.add_file("/proc/sys/kernel/modules_disabled", "1\n");
  CHECK(may_ask_inet_diag(machine));
  machine.remove("/proc/sys/kernel/modules_disabled");
  machine.add_file("/proc/modules", "nf_tables 1 0 - Live 0x0\ntcp_diag 16384 0 - Live 0x0\n");
  CHECK(may_ask_inet_diag(machine));
}

TEST_CASE("the reader takes inet_diag's word where it may, else /proc's") {
  machine::FakeMachine machine = pod_machine();
  {
    InventoryReader reader{machine};
    REQUIRE(reader.refresh());
    REQUIRE(reader.read_listeners(kPod));
    const model::Netns* pod = reader.current().find(kPod);
    CHECK(pod->listeners_read);
    REQUIRE(pod->listeners.size() == 2);
    CHECK(pod->listeners[0].queue_limit);
  }
  machine.add_file("/proc/modules", "");
  {
    InventoryReader reader{machine};
    REQUIRE(reader.refresh());
    REQUIRE(reader.read_listeners(kPod));
    const model::Netns* pod = reader.current().find(kPod);
    CHECK(pod->listeners_read);
    REQUIRE(pod->listeners.size() == 2);
    CHECK_FALSE(pod->listeners[0].queue_limit);
  }
}

TEST_CASE("listeners that cannot be read are an error, and never an empty list that was read") {
  machine::FakeMachine machine = pod_machine();
  machine.add_file("/proc/modules", "");
  machine.netns(kPod).failures["/proc/thread-self/net/tcp"] = {ErrorKind::Permission, "cannot read", "no", ""};
  InventoryReader reader{machine};
  REQUIRE(reader.refresh());
  CHECK(reader.read_listeners(kPod).error().kind == ErrorKind::Permission);
  CHECK_FALSE(reader.current().find(kPod)->listeners_read);
}
