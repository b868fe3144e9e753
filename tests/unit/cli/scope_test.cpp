// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// A typed filter against a machine.
#include "cli/scope.hpp"

#include <doctest/doctest.h>

#include <string>

#include "machine/fake.hpp"

using namespace synfate;
using namespace synfate::cli;

TEST_CASE("what needs no machine is taken as it is") {
  machine::FakeMachine machine;
  machine.add_process(42, "curl", 4026532511);
  FilterOptions typed;
  typed.port = 80;
  typed.source = model::parse_prefix("10.0.0.0/8");
  typed.tgid = 42;
  const auto filter = resolve_filter(typed, machine);
  REQUIRE(filter);
  CHECK(filter->port == 80);
  CHECK(filter->tgid == 42U);
  REQUIRE(filter->source);
  CHECK(filter->source->length == 8);
  CHECK_FALSE(filter->tree);
  CHECK_FALSE(filter->netns);
}

TEST_CASE("a network namespace by its inode number") {
  machine::FakeMachine machine;
  FilterOptions typed;
  typed.netns = "4026532511";
  const auto filter = resolve_filter(typed, machine);
  REQUIRE(filter);
  CHECK(filter->netns == 4026532511U);
}

TEST_CASE("a network namespace by its name and by its path") {
  machine::FakeMachine machine;
  machine.add_netns_mount("/run/netns/blue", 4026532622);
  for (const char* typed_as : {"blue", "/run/netns/blue"}) {
    FilterOptions typed;
    typed.netns = typed_as;
    const auto filter = resolve_filter(typed, machine);
    REQUIRE(filter);
    CHECK(filter->netns == 4026532622U);
  }
}

TEST_CASE("a cgroup, by its path and as /proc/PID/cgroup prints it, with its depth") {
  machine::FakeMachine machine;
  machine.add_file("/proc/self/mounts", "proc /proc proc rw 0 0\ncgroup2 /sys/fs/cgroup cgroup2 rw 0 0\n");
  machine.add_directory("/sys/fs/cgroup/system.slice/ssh.service");
  const auto expected = machine.identify("/sys/fs/cgroup/system.slice/ssh.service");
  REQUIRE(expected);
  for (const char* typed_as : {"/sys/fs/cgroup/system.slice/ssh.service", "/system.slice/ssh.service/", "system.slice/ssh.service"}) {
    CAPTURE(typed_as);
    FilterOptions typed;
    typed.cgroup = typed_as;
    const auto filter = resolve_filter(typed, machine);
    REQUIRE(filter);
    REQUIRE(filter->cgroup);
    CHECK(filter->cgroup->id == expected->inode);
    CHECK(filter->cgroup->level == 2);
  }
}

TEST_CASE("a machine without cgroup v2 cannot filter by cgroup, which is not the user's mistake") {
  machine::FakeMachine machine;
  machine.add_file("/proc/self/mounts", "proc /proc proc rw 0 0\n");
  FilterOptions typed;
  typed.cgroup = "/system.slice";
  const auto filter = resolve_filter(typed, machine);
  REQUIRE_FALSE(filter);
  CHECK(filter.error().kind == ErrorKind::Unsupported);
}

TEST_CASE("what is not there is a usage error that names it") {
  machine::FakeMachine machine;
  machine.add_file("/proc/self/mounts", "cgroup2 /sys/fs/cgroup cgroup2 rw 0 0\n");
  machine.add_directory("/sys/fs/cgroup");
  FilterOptions typed;
  std::string name;
  SUBCASE("a path") { typed.netns = name = "/run/netns/gone"; }
  SUBCASE("a name") { typed.netns = name = "gone"; }
  SUBCASE("no inode of a namespace") { typed.netns = name = "0"; }
  SUBCASE("a number that no inode has") { typed.netns = name = "4294967296"; }
  SUBCASE("a cgroup") { typed.cgroup = name = "/sys/fs/cgroup/gone"; }
  SUBCASE("a process") {
    typed.tgid = 4242;
    name = "4242";
  }
  const auto filter = resolve_filter(typed, machine);
  REQUIRE_FALSE(filter);
  CHECK(filter.error().kind == ErrorKind::Usage);
  CHECK(to_string(filter.error()).find(name) != std::string::npos);
}
