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

  CHECK(machine.make_netns_with("batch").error().kind == ErrorKind::Unsupported);
  machine.will_make_netns(7);
  machine.add_command({"nft"}, {0, "the machine's", ""});
  machine.netns(7).commands[{0, {"nft"}}] = {0, "the namespace's", ""};
  const auto made = machine.make_netns_with("other");
  REQUIRE(made);
  CHECK(made->inode() == 7);
  CHECK(machine.batches() == std::vector<std::string>{"batch", "other"});
  RunOptions inside;
  inside.netns = &*made;
  CHECK(machine.run({"nft"}, inside)->out == "the namespace's");
  CHECK(machine.run({"nft"})->out == "the machine's");
  CHECK(machine.run({"other"}, inside).error().kind == ErrorKind::Gone);

  machine.remove("/proc/42");
  CHECK(machine.open_netns("/proc/42/ns/net").error().kind == ErrorKind::Gone);
}
