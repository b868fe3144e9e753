// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Programs of another mount namespace, and libnftables in a child. Need root.
#include <doctest/doctest.h>

#include <cerrno>

#include "container.hpp"
#include "foreign_netns.hpp"
#include "machine/nft_library.hpp"
#include "machine/real.hpp"

using namespace synfate;
using namespace synfate::machine;

namespace {

bool usable(const test::Container& container) {
  if (container.tgid() == 0) MESSAGE("skipped: making a mount namespace takes CAP_SYS_ADMIN");
  return container.tgid() != 0;
}

}  // namespace

TEST_CASE("a program of a process's mount namespace is found there only, and is given the network capabilities only") {
  // The tmpfs hides a directory that programs are looked up in; what is put there exists nowhere else.
  test::Container container{
      "mount -t tmpfs tmpfs /usr/local/bin && cd /usr/local/bin &&"
      "printf '#!/bin/sh\\ngrep -E \"^(Cap...|NoNewPrivs)\" /proc/self/status; readlink /proc/self/ns/net\\n' > synfate-test-tool &&"
      "chmod 755 synfate-test-tool"};
  if (!usable(container)) return;
  RealMachine machine;
  CHECK(machine.run({"synfate-test-tool"}).error().kind == ErrorKind::Gone);

  test::ForeignNetns foreign;
  const auto netns = machine.open_netns(foreign.path());
  REQUIRE(netns);
  RunOptions options;
  options.netns = &*netns;
  options.tools_of_tgid = container.tgid();
  const auto mounts = machine.identify("/proc/" + std::to_string(container.tgid()) + "/ns/mnt");
  REQUIRE(mounts);
  options.tools_mount_namespace = mounts->inode;
  const auto ran = machine.run({"synfate-test-tool"}, options);
  REQUIRE(ran);
  CHECK(ran->exit_status == 0);
  // CAP_NET_ADMIN is 12, CAP_NET_RAW 13.
  CHECK(ran->out ==
        "CapInh:\t0000000000000000\nCapPrm:\t0000000000003000\nCapEff:\t0000000000003000\nCapBnd:\t0000000000003000\n"
        "CapAmb:\t0000000000000000\nNoNewPrivs:\t1\nnet:[" +
            std::to_string(netns->inode()) + "]\n");

  const auto missing = machine.run({"synfate-no-such-tool"}, options);
  REQUIRE_FALSE(missing);
  CHECK(missing.error().kind == ErrorKind::Gone);
  options.tools_mount_namespace = 1;
  const auto another = machine.run({"synfate-test-tool"}, options);
  REQUIRE_FALSE(another);
  CHECK(another.error().why.find("is not the one that it was") != std::string::npos);
}

TEST_CASE("libnftables lists a chain of another namespace, and only what nft's language can name") {
  RealMachine machine;
  test::ForeignNetns foreign;
  if (foreign.error() == EPERM) {
    MESSAGE("skipped: making a network namespace takes CAP_SYS_ADMIN");
    return;
  }
  const auto netns = machine.open_netns(foreign.path());
  REQUIRE(netns);
  RunOptions options;
  options.netns = &*netns;
  const auto made = machine.run({"nft", "add table ip t; add chain ip t c; add rule ip t c tcp dport 1 drop"}, options);
  REQUIRE(made);
  REQUIRE(made->exit_status == 0);
  const auto listed = machine.list_nft_chain({"ip", "t", "c"}, options);
  REQUIRE(listed);
  CHECK(listed->exit_status == 0);
  CHECK(listed->out.find("tcp dport 1 drop # handle ") != std::string::npos);
  const auto absent = machine.list_nft_chain({"ip", "t", "other"}, options);
  REQUIRE(absent);
  CHECK(absent->exit_status == 1);
  CHECK(absent->err.find("No such file") != std::string::npos);
  for (const char* name : {"c; flush ruleset", "", "c\nflush ruleset", "9", "c d", "c\"", "c{"}) {
    const auto refused = machine.list_nft_chain({"ip", "t", name}, options);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().kind == ErrorKind::BadData);
  }
  CHECK(is_plain_nft_name("endpoint-5OJB2KTY-ns1/svc1/tcp/p80__10.180.0.1/80"));
}
