// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <doctest/doctest.h>
#include <netinet/in.h>
#include <sys/socket.h>
// After the C library's own headers, which know how to share their names with this.
#include <linux/netfilter_ipv4/ip_tables.h>

#include <cerrno>

#include "foreign_netns.hpp"
#include "machine/real.hpp"

using namespace synfate;
using namespace synfate::machine;

namespace {

constexpr std::size_t kMaxBytes = 1U << 20U;

/// What synfate must never do: asks whether or not the table is there. Returns 0 or an errno.
int make_filter_table(int family) {
  const UniqueFd asker{::socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
  ipt_getinfo info{};
  std::string{"filter"}.copy(info.name, sizeof info.name - 1);
  socklen_t length = sizeof info;
  const int level = family == AF_INET ? static_cast<int>(IPPROTO_IP) : static_cast<int>(IPPROTO_IPV6);
  return ::getsockopt(asker.get(), level, IPT_SO_GET_INFO, &info, &length) == 0 ? 0 : errno;
}

std::string listed(NetnsVisit& there, int family) {
  const auto names =
      there.read_file(family == AF_INET ? "/proc/thread-self/net/ip_tables_names" : "/proc/thread-self/net/ip6_tables_names", {});
  return names ? *names : "";
}

}  // namespace

TEST_CASE("a table that is not there is not made by asking; one that is there is read, within bounds") {
  RealMachine machine;
  test::ForeignNetns foreign;
  if (foreign.error() == EPERM) {
    MESSAGE("skipped: making a network namespace takes CAP_SYS_ADMIN");
    return;
  }
  REQUIRE(foreign.error() == 0);
  const auto handle = machine.open_netns(foreign.path());
  REQUIRE(handle);
  const auto entered = machine.inside(*handle, [&](NetnsVisit& there) {
    for (const int family : {AF_INET, AF_INET6}) {
      CAPTURE(family);
      for (const char* table : {"filter", "nat", "raw", "", "no such table, and a name longer than any table has"}) {
        const auto absent = there.xt_table(family, table, kMaxBytes);
        REQUIRE_FALSE(absent);
        CHECK(absent.error().kind == ErrorKind::Gone);
        CHECK_FALSE(absent.error().why.empty());
      }
      CHECK(listed(there, family).empty());
      const int unmade = make_filter_table(family);
      if (unmade != 0) {
        MESSAGE("skipped: this kernel has no iptables-legacy here: " << errno_text(unmade));
        continue;
      }
      CHECK(listed(there, family) == "filter\n");
      const auto filter = there.xt_table(family, "filter", kMaxBytes);
      REQUIRE(filter);
      CHECK(filter->valid_hooks == 0b01110U);
      CHECK(filter->num_entries == 4);
      CHECK(filter->hook_entry[1] == 0);
      CHECK(filter->hook_entry == filter->underflow);
      CHECK(filter->entries.size() == 3 * (family == AF_INET ? 112 + 40 : 168 + 40) + (family == AF_INET ? 112 : 168) + 64);
      CHECK(there.xt_table(family, "filter", filter->entries.size()));
      CHECK(there.xt_table(family, "filter", filter->entries.size() - 1).error().kind == ErrorKind::BadData);
      CHECK(there.xt_table(family, "nat", kMaxBytes).error().kind == ErrorKind::Gone);
      CHECK(listed(there, family) == "filter\n");
    }
    CHECK(there.xt_table(AF_UNIX, "filter", kMaxBytes).error().kind == ErrorKind::Unsupported);
  });
  REQUIRE(entered);
}
