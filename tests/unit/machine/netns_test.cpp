// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <doctest/doctest.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/stat.h>

#include <cerrno>

#include "foreign_netns.hpp"
#include "machine/real.hpp"
#include "temporary.hpp"

using namespace synfate;
using namespace synfate::machine;

namespace {

NetlinkRequest links() { return {NETLINK_ROUTE, RTM_GETLINK, std::string(sizeof(ifinfomsg), '\0')}; }

}  // namespace

TEST_CASE("one's own namespace can be visited without privileges") {
  RealMachine machine;
  const auto handle = machine.open_netns("/proc/self/ns/net");
  REQUIRE(handle);
  CHECK(machine.identify("/proc/self/ns/net")->inode == handle->inode());
  bool visited = false;
  const auto entered = machine.inside(*handle, [&](NetnsVisit& here) {
    visited = true;
    const auto table = here.netlink_dump(links(), 1U << 24U);
    REQUIRE(table);
    CHECK(table->messages.size() > sizeof(nlmsghdr));
    CHECK(here.read_file("/proc/sys/net/ipv4/ip_forward", {}));
    CHECK(here.nsid_of(*handle));
  });
  REQUIRE(entered);
  CHECK(visited);
}

TEST_CASE("a netlink answer beyond its bound is refused, and a table that is not there is said to be unsupported") {
  RealMachine machine;
  const auto handle = machine.open_netns("/proc/self/ns/net");
  REQUIRE(handle);
  const auto entered = machine.inside(*handle, [&](NetnsVisit& here) {
    const auto bounded = here.netlink_dump(links(), 64);
    REQUIRE_FALSE(bounded);
    CHECK(bounded.error().kind == ErrorKind::BadData);
    // The rest of the abandoned answer must neither block the next one nor be taken for it.
    const auto again = here.netlink_dump({NETLINK_ROUTE, RTM_GETADDR, std::string(sizeof(ifaddrmsg), '\0')}, 1U << 24U);
    REQUIRE(again);
    CHECK(again->messages.size() >= sizeof(nlmsghdr));
    nlmsghdr first{};
    again->messages.copy(reinterpret_cast<char*>(&first), sizeof first);
    CHECK(first.nlmsg_type == RTM_NEWADDR);
    const auto unknown = here.netlink_dump({NETLINK_ROUTE, RTM_MAX + 4, std::string(4, '\0')}, 1U << 24U);
    REQUIRE_FALSE(unknown);
    CHECK(unknown.error().kind == ErrorKind::Unsupported);
  });
  REQUIRE(entered);
}

TEST_CASE("only network namespaces are opened, and a FIFO is not waited for") {
  const test::TemporaryDirectory directory;
  RealMachine machine;
  REQUIRE(::mkfifo((directory / "fifo").c_str(), 0600) == 0);
  for (const std::string& path : {directory / "fifo", std::string{"/proc/self/ns/mnt"}, std::string{"/dev/null"}, directory / ""}) {
    const auto opened = machine.open_netns(path);
    REQUIRE_FALSE(opened);
    CHECK(opened.error().kind == ErrorKind::BadData);
  }
  const auto missing = machine.open_netns(directory / "missing");
  REQUIRE_FALSE(missing);
  CHECK(missing.error().kind == ErrorKind::Gone);
}

TEST_CASE("another namespace is visited on another thread, and commands run in it") {
  RealMachine machine;
  test::ForeignNetns foreign;
  if (foreign.error() == EPERM) {
    MESSAGE("skipped: making a network namespace takes CAP_SYS_ADMIN");
    return;
  }
  REQUIRE(foreign.error() == 0);
  const auto own_before = machine.read_link("/proc/thread-self/ns/net");
  {
    const auto handle = machine.open_netns(foreign.path());
    REQUIRE(handle);
    const std::string expected = "net:[" + std::to_string(handle->inode()) + "]";
    CHECK(*own_before != expected);
    const auto entered = machine.inside(*handle, [&](NetnsVisit& there) {
      CHECK(*machine.read_link("/proc/thread-self/ns/net") == expected);
      CHECK(there.netlink_dump(links(), 1U << 24U));
      CHECK(there.nsid_of(*handle));
    });
    REQUIRE(entered);
    RunOptions options;
    options.netns = &*handle;
    const auto command = machine.run({"readlink", "/proc/self/ns/net"}, options);
    REQUIRE(command);
    CHECK(command->out == expected + "\n");
  }
  CHECK(*machine.read_link("/proc/thread-self/ns/net") == *own_before);

  foreign.end();
  const auto gone = machine.open_netns(foreign.path());
  REQUIRE_FALSE(gone);
  CHECK(gone.error().kind == ErrorKind::Gone);
}
