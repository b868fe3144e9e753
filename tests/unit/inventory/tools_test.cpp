// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "inventory/tools.hpp"

#include <doctest/doctest.h>

#include "machine/fake.hpp"

using namespace synfate;
using namespace synfate::inventory;

namespace {

constexpr const char* kAll = "000001ffffffffff";
constexpr const char* kPod = "00000000a80425fb";  ///< what an ordinary container has

struct Process {
  std::uint32_t tgid;
  std::uint32_t parent;
  std::string pids;
  std::string capabilities;
  std::string user = "4026531837";
  std::string mounts = "4026532300";
};

void add(machine::FakeMachine& machine, const Process& process) {
  const std::string base = "/proc/" + std::to_string(process.tgid);
  machine.add_file(base + "/status", "Name:\tx\nPPid:\t" + std::to_string(process.parent) + "\nNSpid:\t" + process.pids + "\nCapEff:\t" +
                                         process.capabilities + "\n");
  machine.add_link(base + "/ns/user", "user:[" + process.user + "]");
  machine.add_link(base + "/ns/mnt", "mnt:[" + process.mounts + "]");
}

machine::FakeMachine node() {
  machine::FakeMachine machine;
  machine.add_link("/proc/self/ns/user", "user:[4026531837]");
  machine.add_link("/proc/self/ns/mnt", "mnt:[4026531841]");
  add(machine, {1, 0, "1", kAll, "4026531837", "4026531841"});
  // containerd-shim of the host, kind's systemd, a shim in it, a pod's first process, and one that the pod forked.
  add(machine, {900, 1, "900", kAll, "4026531837", "4026531841"});
  add(machine, {1000, 900, "1000\t1", kAll});
  add(machine, {1200, 1000, "1200\t77", kAll});
  add(machine, {1300, 1200, "1300\t99\t1", kPod, "4026531837", "4026532400"});
  add(machine, {1301, 1300, "1301\t100\t7", kPod, "4026531837", "4026532400"});
  return machine;
}

std::uint32_t first_choice(const machine::FakeMachine& machine, std::uint32_t tgid) {
  machine::FakeMachine copy = machine;
  const auto boxes = tool_boxes_for(copy, tgid);
  CHECK(boxes.back().tgid == 0);
  return boxes.front().tgid;
}

}  // namespace

TEST_CASE("the node container's tools are preferred, a pod's are never run") {
  auto machine = node();
  for (const std::uint32_t tgid : {1000U, 1200U, 1300U, 1301U}) CHECK(first_choice(machine, tgid) == 1000);
  CHECK(tool_boxes_for(machine, 1301).front().mount_namespace == 4026532300);
  for (const std::uint32_t tgid : {0U, 1U, 900U, 4242U}) CHECK(first_choice(machine, tgid) == 0);
}

TEST_CASE("a container that is mighty only in its own user namespace, or has no mounts of its own, is not asked") {
  auto machine = node();
  add(machine, {1000, 900, "1000\t1", kAll, "4026532999"});
  CHECK(first_choice(machine, 1301) == 0);
  add(machine, {1000, 900, "1000\t1", kPod});
  CHECK(first_choice(machine, 1301) == 0);
  add(machine, {1000, 900, "1000\t1", kAll, "4026531837", "4026531841"});
  CHECK(first_choice(machine, 1301) == 0);
  add(machine, {1000, 900, "1000\t1", "garbage"});
  CHECK(first_choice(machine, 1301) == 0);
  // Parents that form a circle, since numbers were reused.
  add(machine, {1000, 1301, "1000", kPod});
  CHECK(first_choice(machine, 1301) == 0);
}

TEST_CASE("the first tool that is there and ends well answers, and is named") {
  machine::FakeMachine machine;
  const machine::NetnsHandle netns{UniqueFd{}, 42};
  const std::vector<ToolBox> boxes{{1000, 7}, {}};
  const auto nothing = ask_tools(machine, netns, boxes, {{"a"}, {"b"}});
  REQUIRE_FALSE(nothing);
  CHECK(nothing.error().kind == ErrorKind::Gone);
  CHECK(nothing.error().why == "there is no a, b here");

  machine.add_command({"b"}, {0, "host", ""});
  CHECK(ask_tools(machine, netns, boxes, {{"a"}, {"b"}})->source == "b of the host");
  machine.add_command({"b"}, {0, "container", ""}, 1000);
  CHECK(ask_tools(machine, netns, boxes, {{"a"}, {"b"}})->source == "b of the node container (tgid 1000)");
  machine.add_command({"b"}, {1, "half", "table is incompatible\nmore"}, 1000);
  CHECK(ask_tools(machine, netns, boxes, {{"a"}, {"b"}})->out == "host");
  machine.add_command({"b"}, {3, "", "no"});
  const auto failed = ask_tools(machine, netns, boxes, {{"b"}});
  REQUIRE_FALSE(failed);
  CHECK(failed.error().why == "b of the node container (tgid 1000) failed: table is incompatible; b of the host failed: no");
}
