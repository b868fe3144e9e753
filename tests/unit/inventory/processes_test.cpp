// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "inventory/processes.hpp"

#include <doctest/doctest.h>

#include "fixtures.hpp"

using namespace synfate;
using namespace synfate::inventory;

using Examples = std::map<model::NetnsId, std::vector<std::uint32_t>>;

TEST_CASE("the smallest tgids stand for their namespace, a few of many") {
  machine::FakeMachine machine;
  machine.add_process(1, "init", 11);
  machine.add_process(1000, "worker", 22);
  machine.add_process(999, "pause", 22);
  for (std::uint32_t tgid = 2000; tgid < 2100; ++tgid) machine.add_process(tgid, "many", 33);
  machine.add_file("/proc/version", "");
  machine.add_directory("/proc/1x");
  const auto scan = scan_processes(machine);
  REQUIRE(scan);
  CHECK(scan->init == 11U);
  CHECK(scan->init_listed);
  CHECK(scan->example_tgids == Examples{{11, {1}}, {22, {999, 1000}}, {33, {2000, 2001, 2002, 2003}}});
  CHECK(scan->unreadable == 0);
}

TEST_CASE("what may not be read is counted, what has ended is not") {
  machine::FakeMachine machine;
  machine.add_process(1, "init", 11);
  machine.add_process(2, "other", 22);
  machine.add_process(3, "mine", 33);
  machine.add_process(4, "ended", 44);
  machine.fail("/proc/1/ns/net", {ErrorKind::Permission, "", "", ""});
  machine.fail("/proc/2/ns/net", {ErrorKind::Permission, "", "", ""});
  machine.fail("/proc/4/ns/net", {ErrorKind::Gone, "", "", ""});
  const auto scan = scan_processes(machine);
  REQUIRE(scan);
  CHECK(scan->unreadable == 2);
  CHECK_FALSE(scan->init);
  CHECK(scan->init_listed);
  CHECK(scan->example_tgids == Examples{{33, {3}}});
}

TEST_CASE("without /proc nothing is known, and the error says what to do") {
  machine::FakeMachine machine;
  const auto scan = scan_processes(machine);
  REQUIRE_FALSE(scan);
  CHECK(scan.error().hint.find("mount") != std::string::npos);
}

TEST_CASE("a comm is bounded and loses only its own newline") {
  machine::FakeMachine machine;
  machine.add_process(7, "two\nlines\n", 11);
  CHECK(read_comm(machine, 7) == "two\nlines\n");
  machine.add_file("/proc/8/comm", std::string(65'536, 'x'));
  CHECK(read_comm(machine, 8).size() == 64);
  CHECK(read_comm(machine, 9).empty());
}

TEST_CASE("only the link of a network namespace is one") {
  CHECK(parse_netns_link("net:[4026532511]") == 4026532511U);
  for (const char* target : {"", "net:[", "net:[]", "net:[1", "net:[x]", "mnt:[4026532511]", "net:[4294967296]", "net:[0]", "net:[-1]"}) {
    CHECK_FALSE(parse_netns_link(target));
  }
}
