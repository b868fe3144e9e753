// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "inventory/names.hpp"

#include <doctest/doctest.h>

#include "fixtures.hpp"

using namespace synfate;
using namespace synfate::inventory;

namespace {

constexpr const char* kMountinfo = "/proc/thread-self/mountinfo";

}  // namespace

TEST_CASE("mounts name namespaces, blanks included") {
  const auto names = parse_mountinfo(test::fixture("mountinfo.txt"));
  REQUIRE(names.size() == 3);
  CHECK(names[0].name == "blue sky");
  CHECK(names[0].path == "/run/netns/blue sky");
  CHECK(names[1].path == "/run/docker/netns/0123456789ab");
  CHECK(names[1].netns == names[0].netns);
  CHECK(names[2].name == "red");
  CHECK(names[2].netns != names[0].netns);
}

TEST_CASE("lines of mountinfo that are something else are passed over") {
  CHECK(parse_mountinfo("").empty());
  CHECK(parse_mountinfo(" - nsfs ").empty());
  CHECK(parse_mountinfo("94 93 0:4 mnt:[4026532321] /run/x rw - nsfs nsfs rw\n").empty());
  CHECK(parse_mountinfo("94 93 0:4 net:[99999999999] /run/x rw - nsfs nsfs rw\n").empty());
  CHECK(parse_mountinfo("94 93 0:4 net:[0] /run/x rw - nsfs nsfs rw\n").empty());
  CHECK(parse_mountinfo("94 93 0:4 net:[ /run/x rw - nsfs nsfs rw\n").empty());
}

TEST_CASE("iproute2's name is preferred, then docker's, then any other") {
  machine::FakeMachine machine;
  machine.add_file(kMountinfo,
                   "1 1 0:4 net:[11] /mnt/other rw - nsfs nsfs rw\n"
                   "1 1 0:4 net:[11] /run/docker/netns/abc rw - nsfs nsfs rw\n"
                   "1 1 0:4 net:[11] /run/netns/good rw - nsfs nsfs rw\n");
  const NameScan scan = scan_names(machine);
  REQUIRE(scan.names.size() == 3);
  CHECK(scan.names[0].name == "good");
  CHECK(scan.names[1].name == "abc");
  CHECK(scan.names[2].name == "other");
  CHECK(scan.unreadable.empty());
}

TEST_CASE("links in /run/netns are followed, and what leads nowhere is counted once") {
  machine::FakeMachine machine;
  machine.add_file(kMountinfo, "");
  machine.add_process(42, "server", 4026532511);
  machine.add_link("/run/netns/container", "/proc/42/ns/net");
  machine.add_link("/run/netns/ended", "/proc/43/ns/net");
  machine.add_file("/run/netns/left-over", "");
  machine.add_link("/var/run/netns", "/run/netns");
  const NameScan scan = scan_names(machine);
  REQUIRE(scan.names.size() == 1);
  CHECK(scan.names[0].netns == 4026532511);
  CHECK(scan.names[0].name == "container");
  CHECK(scan.stale == 2);
}

TEST_CASE("unreadable mounts are said") {
  machine::FakeMachine machine;
  machine.fail(kMountinfo, {ErrorKind::Permission, "cannot read mountinfo", "Permission denied", ""});
  CHECK(scan_names(machine).unreadable == "cannot read mountinfo: Permission denied");
}

TEST_CASE("names are kept as they are but never long") {
  machine::FakeMachine machine;
  const std::string evil = "\x1b[2Jred" + std::string(65'536, 'x');
  machine.add_file(kMountinfo, "1 1 0:4 net:[11] /run/netns/" + evil + " rw - nsfs nsfs rw\n");
  const NameScan scan = scan_names(machine);
  REQUIRE(scan.names.size() == 1);
  CHECK(scan.names[0].name.size() == 255);
  CHECK(scan.names[0].name.substr(0, 7) == "\x1b[2Jred");
}
