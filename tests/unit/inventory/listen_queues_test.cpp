// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "inventory/listen_queues.hpp"

#include <doctest/doctest.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>

#include "fixtures.hpp"
#include "inventory/attributes.hpp"
#include "inventory/reader.hpp"
#include "inventory/socket_owners.hpp"
#include "inventory/sockets.hpp"

using namespace synfate;
using namespace synfate::inventory;

namespace {

constexpr model::NetnsId kPod = 4026532511;
constexpr const char* kNetstat =
    "TcpExt: SyncookiesSent SyncookiesRecv ListenOverflows ListenDrops TCPReqQFullDoCookies TCPReqQFullDrop\n"
    "TcpExt: 3 1 10 12 7 2\n"
    "IpExt: InNoRoutes\nIpExt: 0\n";

/// One socket as inet_diag tells it: at `state`, on that address and port.
std::string diag(unsigned state, const char* address, std::uint16_t port, std::uint32_t waiting = 0, std::uint32_t inode = 0) {
  const auto parsed = *model::parse_ip(address);
  inet_diag_msg row{};
  row.idiag_family = parsed.family == 4 ? AF_INET : AF_INET6;
  row.idiag_state = static_cast<std::uint8_t>(state);
  row.id.idiag_sport = htons(port);
  std::memcpy(&row.id.idiag_src[0], parsed.bytes.data(), 16);
  row.idiag_rqueue = waiting;
  row.idiag_wqueue = 4;
  row.idiag_inode = inode;
  std::string payload = body_of(row);
  std::array<std::uint32_t, SK_MEMINFO_DROPS + 1> memory{};
  memory[SK_MEMINFO_DROPS] = 9;
  append_attribute(payload, INET_DIAG_SKMEMINFO, {reinterpret_cast<const char*>(memory.data()), sizeof memory});
  append_attribute(payload, INET_DIAG_SKV6ONLY, std::string(1, '\1'));
  nlmsghdr header{};
  header.nlmsg_len = static_cast<std::uint32_t>(sizeof header + payload.size());
  header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
  std::string message = body_of(header) + payload;
  message.resize(NLMSG_ALIGN(message.size()));
  return message;
}

/// Listeners at a port are one table to the fake machine, and half-open connections another: by the whole request.
void answer(machine::FakeNetns& netns, const machine::NetlinkRequest& request, const std::string& messages) {
  netns.answers.insert_or_assign({request.protocol, request.type, request.body}, test::reply(messages));
}

machine::FakeMachine pod_machine(const std::string& listeners4, const std::string& listeners6, const std::string& half4,
                                 const std::string& half6) {
  machine::FakeMachine machine;
  machine.add_process(42, "server", kPod);
  auto& netns = machine.netns(kPod);
  netns.files["/proc/thread-self/net/netstat"] = kNetstat;
  answer(netns, listen_request(AF_INET, 80), listeners4);
  answer(netns, listen_request(AF_INET6, 80), listeners6);
  answer(netns, half_open_request(AF_INET, 80), half4);
  answer(netns, half_open_request(AF_INET6, 80), half6);
  return machine;
}

}  // namespace

TEST_CASE("the counters of listeners") {
  const auto counters = parse_netstat(kNetstat);
  REQUIRE(counters);
  CHECK(counters->read);
  CHECK(counters->overflows == 10);
  CHECK(counters->drops == 12);
  CHECK(counters->syn_queue_full == 2);
  CHECK(counters->syn_queue_cookies == 7);
  CHECK(counters->cookies_sent == 3);
}

TEST_CASE("text that is no such table is none") {
  for (const char* text :
       {"", "TcpExt: ListenDrops\n", "TcpExt: ListenDrops\nTcpExt: 1\n", "TcpExt: a b\nTcpExt: 1\n", "\x1b[2J",
        "TcpExt: SyncookiesSent ListenOverflows ListenDrops TCPReqQFullDoCookies TCPReqQFullDrop\nTcpExt: 1 2 x 4 5\n"}) {
    CHECK_FALSE(parse_netstat(text));
  }
}

TEST_CASE("a reading has the queues of the port's listeners, each with its own half-open connections") {
  auto machine = pod_machine(diag(10, "10.0.0.1", 80, 5, 71) + diag(10, "0.0.0.0", 80, 1, 72), diag(10, "::", 80, 0, 73),
                             diag(3, "10.0.0.1", 80) + diag(3, "10.0.0.1", 80) + diag(3, "10.0.0.2", 80) + diag(3, "10.0.0.9", 81),
                             diag(3, "::ffff:10.0.0.3", 80));
  machine.add_link("/proc/42/fd/3", "socket:[71]");
  machine.add_link("/proc/42/fd/4", "/dev/null");
  InventoryReader reader{machine};
  reader.set_clock([] { return MonotonicNs{7}; });
  REQUIRE(reader.refresh());
  REQUIRE(reader.read_listen_queues(kPod, 80, 5));
  const model::Netns& pod = *reader.current().find(kPod);
  REQUIRE(pod.listen_readings.size() == 1);
  const model::ListenReading& reading = pod.listen_readings[0];
  CHECK(reading.time_ns == 5);
  CHECK(reading.ended_ns == 7);
  CHECK(reading.port == 80);
  CHECK(reading.complete);
  CHECK(reading.counters.overflows == 10);
  REQUIRE(reading.sockets.size() == 3);
  CHECK(reading.sockets[0].queue_length == 5);
  CHECK(reading.sockets[0].queue_limit == 4U);
  CHECK(reading.sockets[0].drops == 9U);
  CHECK(reading.sockets[0].half_open == 2U);
  CHECK(reading.sockets[0].owner_tgid == 42);
  CHECK(reading.sockets[0].owner_comm == "server");
  CHECK_FALSE(reading.sockets[0].only_ipv6);
  CHECK(reading.sockets[1].half_open == 1U);
  CHECK(reading.sockets[1].owner_tgid == 0);
  CHECK(reading.sockets[2].only_ipv6 == true);
  CHECK(reading.sockets[2].half_open == 1U);
}

TEST_CASE("whose half-open connections are is not known where listeners share the port") {
  auto machine = pod_machine(diag(10, "0.0.0.0", 80, 0, 71) + diag(10, "0.0.0.0", 80, 0, 72), "", diag(3, "10.0.0.1", 80), "");
  InventoryReader reader{machine};
  REQUIRE(reader.refresh());
  REQUIRE(reader.read_listen_queues(kPod, 80, 5));
  for (const model::ListenSocket& socket : reader.current().find(kPod)->listen_readings.at(0).sockets) CHECK_FALSE(socket.half_open);
}

TEST_CASE("few readings of a port are kept, the newest") {
  auto machine = pod_machine(diag(10, "0.0.0.0", 80), "", "", "");
  InventoryReader reader{machine};
  REQUIRE(reader.refresh());
  for (MonotonicNs time = 1; time <= 100; ++time) REQUIRE(reader.read_listen_queues(kPod, 80, time));
  const auto& readings = reader.current().find(kPod)->listen_readings;
  CHECK(readings.size() <= 8);
  CHECK(readings.back().time_ns == 100);
}

TEST_CASE("for cookies the queues are looked at only where there were any") {
  auto machine = pod_machine(diag(10, "0.0.0.0", 80), "", "", "");
  InventoryReader reader{machine};
  REQUIRE(reader.refresh());
  CHECK(reader.read_listen_queues_of_cookies(kPod, 80, 1));
  machine.netns(kPod).files["/proc/thread-self/net/netstat"] =
      "TcpExt: SyncookiesSent ListenOverflows ListenDrops TCPReqQFullDoCookies TCPReqQFullDrop\nTcpExt: 0 10 12 7 2\n";
  CHECK_FALSE(reader.read_listen_queues_of_cookies(kPod, 80, 2));
  CHECK(reader.current().find(kPod)->listen_readings.size() == 1);
}

TEST_CASE("the owner of a socket is looked for where the socket was made first") {
  machine::FakeMachine machine;
  machine.add_process(42, "pause", kPod);
  machine.add_process(4711, "nginx", 1);
  machine.add_link("/proc/42/fd/3", "socket:[70]");
  machine.add_link("/proc/4711/fd/7", "socket:[71]");
  machine.add_file("/proc/self/mounts", "proc /proc proc rw 0 0\ncgroup2 /sys/fs/cgroup cgroup2 rw 0 0\n");
  machine.add_cgroup(9, "/kubepods/pod1");
  machine.add_file("/sys/fs/cgroup/kubepods/pod1/cgroup.procs", "4711\nnonsense\n");
  std::vector<model::ListenSocket> sockets(3);
  sockets[0].inode = 70;
  sockets[1].inode = 71;
  sockets[1].cgroup_id = 9;
  sockets[2].inode = 72;
  SocketOwners owners;
  owners.name(machine, kPod, sockets, kSecond);
  CHECK(sockets[0].owner_comm == "pause");
  CHECK(sockets[1].owner_tgid == 4711);
  CHECK(sockets[1].owner_comm == "nginx");
  CHECK(sockets[2].owner_tgid == 0);
}

TEST_CASE("an owner that closed its socket is none any more, and who had none may get one") {
  machine::FakeMachine machine;
  machine.add_process(42, "old", kPod);
  machine.add_process(43, "new", kPod);
  machine.add_link("/proc/42/fd/3", "socket:[70]");
  machine.add_link("/proc/43/fd/3", "/dev/null");
  std::vector<model::ListenSocket> sockets(2);
  sockets[0].inode = 70;
  sockets[1].inode = 71;
  SocketOwners owners;
  owners.name(machine, kPod, sockets, kSecond);
  CHECK(sockets[0].owner_tgid == 42);
  CHECK(sockets[1].owner_tgid == 0);
  // As systemd passes on what it listens on.
  machine.add_link("/proc/42/fd/3", "/dev/null");
  machine.add_link("/proc/43/fd/3", "socket:[70]");
  machine.add_link("/proc/43/fd/4", "socket:[71]");
  owners.name(machine, kPod, sockets, 2 * kSecond);
  CHECK(sockets[0].owner_tgid == 43);
  CHECK(sockets[0].owner_comm == "new");
  CHECK(sockets[1].owner_tgid == 0);
  owners.name(machine, kPod, sockets, 11 * kSecond);
  CHECK(sockets[1].owner_tgid == 43);
}
