// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "machine/fake.hpp"

#include <doctest/doctest.h>
#include <sys/socket.h>

using namespace synfate;
using namespace synfate::machine;

TEST_CASE("the fake answers as the real machine would") {
  FakeMachine machine;
  machine.add_file("/etc/file", "text");
  machine.add_link("/etc/link", "/etc/file");
  machine.add_process(42, "python3", 4026532511);

  CHECK(machine.read_file("/etc/file"));
  CHECK(machine.read_file("/etc/missing").error().kind == ErrorKind::Gone);
  CHECK(machine.read_file("/etc/link").error().kind == ErrorKind::BadData);
  CHECK(machine.read_file("/etc/link", {100, Excess::Refuse, true}));
  CHECK(machine.read_file("/etc/file", {2}).error().kind == ErrorKind::BadData);
  CHECK(*machine.read_file("/etc/file", {2, Excess::Cut}) == "te");
  CHECK(*machine.list_directory("/proc") == std::vector<std::string>{"42"});
  CHECK(machine.list_directory("/etc/file").error().kind == ErrorKind::Gone);
  CHECK(machine.open_netns("/etc/file").error().kind == ErrorKind::BadData);

  const auto handle = machine.open_netns("/proc/42/ns/net");
  REQUIRE(handle);
  CHECK(handle->inode() == 4026532511);
  CHECK(machine.run({"nft"}).error().kind == ErrorKind::Gone);

  machine.netns(4026532511).xt_tables.insert_or_assign({AF_INET, "filter"}, XtTableBytes{0, {}, {}, 0, "12345"});
  REQUIRE(machine.inside(*handle, [](NetnsVisit& there) {
    CHECK(there.xt_table(AF_INET, "filter", 5));
    CHECK(there.xt_table(AF_INET, "filter", 4).error().kind == ErrorKind::BadData);
    CHECK(there.xt_table(AF_INET, "nat", 5).error().kind == ErrorKind::Gone);
    CHECK(there.xt_table(AF_INET6, "filter", 5).error().kind == ErrorKind::Gone);
  }));

  machine.remove("/proc/42");
  CHECK(machine.open_netns("/proc/42/ns/net").error().kind == ErrorKind::Gone);
}
