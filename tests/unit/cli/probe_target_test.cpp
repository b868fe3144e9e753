// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// --from on a fake machine: whose namespace, and whose files.
#include "cli/probe_target.hpp"

#include <doctest/doctest.h>

#include "machine/fake.hpp"

using namespace synfate;
using namespace synfate::cli;

namespace {

constexpr std::uint64_t kHost = 4026531840;
constexpr std::uint64_t kWeb = 4026532511;

struct Lab {
  machine::FakeMachine machine;

  Lab() {
    machine.add_process(1, "init", kHost);
    machine.add_file("/etc/resolv.conf", "nameserver 10.0.0.53\n");
    machine.add_file("/etc/hosts", "127.0.0.1 localhost\n");
    machine.add_process(42, "pause", kWeb);
    machine.add_process(43, "nginx", kWeb);
    machine.add_directory("/run/netns");
  }
  Result<ProbeTarget> find(const char* who) {
    inventory::InventoryReader reader(machine);
    ProbeOptions options;
    options.from = *parse_who(who);
    return find_target(options, "machine", reader, machine);
  }
};

}  // namespace

TEST_CASE("each way to say the same namespace") {
  Lab lab;
  lab.machine.add_netns_mount("/run/netns/web", kWeb);
  for (const char* who : {"pid:42", "netns:4026532511", "netns:web", "netns:/run/netns/web", "netns:/proc/43/ns/net"}) {
    const auto target = lab.find(who);
    REQUIRE_MESSAGE(target, who);
    CHECK(target->netns.inode() == kWeb);
  }
  CHECK(lab.find("host")->netns.inode() == kHost);
  CHECK(lab.find("node:machine")->netns.inode() == kHost);
}

TEST_CASE("what is not there is an error of usage") {
  Lab lab;
  for (const char* who : {"pod:shop/web-0", "node:other", "netns:4026532999", "netns:nothing", "netns:0", "pid:44"}) {
    const auto target = lab.find(who);
    REQUIRE_FALSE_MESSAGE(target, who);
    CHECK(target.error().kind == ErrorKind::Usage);
  }
}

TEST_CASE("a pod in two nodes is not guessed") {
  // As of kind's nodes, where the same names come up in every cluster.
  Lab lab;
  ProbeOptions options;
  options.from = *parse_who("pod:shop/web-0");
  options.node = "elsewhere";
  inventory::InventoryReader reader(lab.machine);
  const auto target = find_target(options, "machine", reader, lab.machine);
  REQUIRE_FALSE(target);
  CHECK(target.error().why == "no such pod is known on node elsewhere");
}

TEST_CASE("the files of a process that has both, else of one that has a resolv.conf") {
  Lab lab;
  lab.machine.add_file("/proc/42/root/etc/resolv.conf", "nameserver 10.0.0.1\n");
  lab.machine.add_file("/proc/43/root/etc/resolv.conf", "nameserver 10.0.0.2\n");
  lab.machine.add_file("/proc/43/root/etc/hosts", "10.0.0.7 db\n");
  const auto target = lab.find("netns:4026532511");
  REQUIRE(target);
  const auto both = read_name_files(*target, lab.machine);
  REQUIRE(both);
  CHECK(both->resolv_conf == "nameserver 10.0.0.2\n");
  CHECK(both->hosts == "10.0.0.7 db\n");
  CHECK(both->source == "/etc/resolv.conf of process 43 (nginx)");
  lab.machine.remove("/proc/43/root/etc/hosts");
  const auto one = read_name_files(*target, lab.machine);
  REQUIRE(one);
  CHECK(one->source == "/etc/resolv.conf of process 42 (pause)");
  CHECK(one->hosts.empty());
}

TEST_CASE("a process that has moved or ended meanwhile says nothing") {
  Lab lab;
  lab.machine.add_file("/proc/43/root/etc/resolv.conf", "nameserver 10.0.0.2\n");
  const auto target = lab.find("pid:43");
  REQUIRE(target);
  lab.machine.remove("/proc/43");
  lab.machine.add_file("/proc/43/root/etc/resolv.conf", "nameserver 10.6.6.6\n");
  lab.machine.add_process(43, "other", kHost);
  const auto files = read_name_files(*target, lab.machine);
  REQUIRE_FALSE(files);
  CHECK(files.error().hint == "give an address instead of a name");
}

TEST_CASE("a named namespace has the files that ip netns exec would take") {
  Lab lab;
  lab.machine.add_netns_mount("/run/netns/web", kWeb);
  lab.machine.add_file("/etc/netns/web/resolv.conf", "nameserver 10.0.0.9\n");
  const auto target = lab.find("netns:web");
  REQUIRE(target);
  const auto files = read_name_files(*target, lab.machine);
  REQUIRE(files);
  CHECK(files->resolv_conf == "nameserver 10.0.0.9\n");
  CHECK(files->hosts == "127.0.0.1 localhost\n");
}
