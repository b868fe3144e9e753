// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// lsm where a socket received the packet: the kernel names no module and no program, so it is concluded from who there is.
#include "receiver_story.hpp"

using namespace synfate::judge::test;
namespace model = synfate::model;

namespace {

constexpr const char* kReceives = "socket_sock_rcv_skb";

/// A SYN dropped for that reason, at a listener that has no filter, in a cgroup without programs; program 44 is a process's.
Story refused(const char* reason, std::vector<model::SecurityProgram> programs, bool own_reason = false) {
  Story story = at_server(reason);
  know_programs(story);
  receiver(story);
  story.inventory.programs[44] = {44, 29, "guard", "0123456789abcdef", 0, "", 7, "agent", true};
  story.inventory.security_modules = "lockdown,capability,apparmor,bpf";
  story.inventory.security_programs = model::SecurityPrograms{std::move(programs), own_reason, story.journey.last_ns};
  return story;
}

}  // namespace

TEST_CASE("lsm: the one program is named, and what else has its reason is said") {
  const Verdict verdict = refused("SOCKET_FILTER", {{44, kReceives}, {45, "inet_conn_request"}}).judged();
  CHECK(verdict.cause == "lsm");
  CHECK(verdict.fate == Fate::Dropped);
  CHECK(verdict.where.stage == Stage::Socket);
  CHECK(verdict.confidence == Confidence::Strong);
  CHECK(verdict.summary == "by BPF LSM program guard (id 44, held by agent[7])");
  CHECK(verdict.next == "bpftool prog show id 44");
  CHECK(says(verdict, "the socket that it was for had no filter, and its cgroup no program"));
  CHECK(says(verdict, "the only one found here that looks at what sockets receive: BPF program guard (id 44, tag 0123456789abcdef"));
  CHECK(says(verdict, "PFMemallocDrop"));
  CHECK_FALSE(says(verdict, "BPF program 45"));
}

TEST_CASE("lsm: a program that has gone, or has neither name nor keeper") {
  Story story = refused("SOCKET_FILTER", {{44, kReceives}});
  story.inventory.programs[44] = {44, 29, "", "0123456789abcdef", 0, "", 0, "", true};
  CHECK(story.judged().summary == "by BPF LSM program (id 44)");
  story.inventory.programs[44].pinned = "/sys/fs/bpf/x\x1b";
  CHECK(story.judged().summary.find('\x1b') == std::string::npos);
  story.inventory.programs.erase(44);
  CHECK(story.judged().summary == "by BPF LSM program (id 44)");
  CHECK(says(story.judged(), "no longer loaded, or not read"));
}

TEST_CASE("lsm: which of several it was is not told") {
  SUBCASE("two programs") {
    const Verdict verdict = refused("SOCKET_FILTER", {{44, kReceives}, {46, kReceives}}).judged();
    CHECK(verdict.summary == "by one of 2 BPF LSM programs");
    CHECK(verdict.confidence == Confidence::Partial);
    CHECK(says(verdict, "which of them refused it is not told: BPF program guard (id 44"));
    CHECK(says(verdict, "BPF program 46"));
    CHECK(verdict.next == "bpftool prog show id 44 && bpftool prog show id 46");
  }
  SUBCASE("a program and a module") {
    Story story = refused("SOCKET_FILTER", {{44, kReceives}});
    story.inventory.security_modules = "capability,selinux,bpf";
    CHECK(story.judged().cause == "lsm");
    CHECK(story.judged().summary == "by BPF LSM program guard (id 44, held by agent[7]) or SELinux");
    CHECK(story.judged().confidence == Confidence::Partial);
    CHECK(says(story.judged(), "SELinux and BPF program guard"));
  }
  SUBCASE("a program whose hook the kernel does not tell") {
    const Verdict verdict = refused("SOCKET_FILTER", {{44, ""}}).judged();
    CHECK(verdict.cause == "lsm");
    CHECK(verdict.summary == "by a security module");
    CHECK(verdict.confidence == Confidence::Partial);
    CHECK(says(verdict, "whose hook this kernel does not tell"));
    CHECK(verdict.next == "bpftool prog show id 44");
  }
  SUBCASE("a program of some cgroup") {
    const Verdict verdict = refused("SOCKET_FILTER", {{44, kReceives, true}}).judged();
    CHECK(verdict.cause == "lsm");
    CHECK(verdict.summary == "by a security module");
    CHECK(verdict.confidence == Confidence::Partial);
    CHECK(says(verdict, "which holds for the sockets of a cgroup only"));
  }
}

TEST_CASE("lsm: a module alone") {
  Story story = refused("SOCKET_FILTER", {});
  story.inventory.security_modules = "capability,selinux";
  CHECK(story.judged().cause == "lsm");
  CHECK(story.judged().summary == "by SELinux");
  CHECK(story.judged().confidence == Confidence::Strong);
  CHECK(story.judged().next == "ausearch -m avc -ts recent");
  story.inventory.security_programs.reset();
  CHECK(story.judged().cause == "lsm");
  CHECK(story.judged().summary == "by a security module");
  CHECK(says(story.judged(), "which programs of BPF LSM there are was not read"));
}

TEST_CASE("lsm: nobody there is blamed for nothing") {
  SUBCASE("no program, and no module that looks at sockets") { CHECK(refused("SOCKET_FILTER", {}).judged().cause == "other"); }
  SUBCASE("a program of another hook") { CHECK(refused("SOCKET_FILTER", {{44, "inet_conn_request"}}).judged().cause == "other"); }
  SUBCASE("not read") {
    Story story = refused("SOCKET_FILTER", {});
    story.inventory.security_programs.reset();
    CHECK(story.judged().cause == "other");
  }
  SUBCASE("this kernel would have given it another reason") {
    CHECK(refused("SOCKET_FILTER", {{44, kReceives}}, true).judged().cause == "other");
  }
  SUBCASE("the socket had a filter") {
    Story story = refused("SOCKET_FILTER", {{44, kReceives}});
    receiver(story).has_filter = true;
    CHECK(story.judged().cause == "socket_filter");
    CHECK(story.judged().confidence == Confidence::Partial);
    CHECK(says(story.judged(), "programs of BPF LSM may look at what sockets receive"));
    CHECK(says(story.judged(), "BPF program guard (id 44"));
    story.inventory.security_programs->own_reason = true;
    CHECK(story.judged().confidence == Confidence::Exact);
  }
  SUBCASE("its cgroup had a program") {
    Story story = refused("SOCKET_FILTER", {{44, kReceives}});
    attach(receiver(story), {42});
    CHECK(story.judged().cause == "cgroup_bpf");
    CHECK(story.judged().confidence == Confidence::Partial);
    CHECK(says(story.judged(), "BPF program guard (id 44"));
  }
  SUBCASE("which programs its cgroup had is not known") {
    Story story = refused("SOCKET_FILTER", {{44, kReceives}});
    receiver(story).programs_read = false;
    CHECK(story.judged().cause == "socket_filter");
    CHECK(says(story.judged(), "BPF program guard (id 44"));
  }
}

TEST_CASE("lsm: a kernel that does not tell the socket leaves a program a suspect") {
  Story story = at_server("SOCKET_FILTER");
  story.inventory.programs[44] = {44, 29, "guard", "0123456789abcdef", 0, "", 7, "agent", true};
  story.inventory.security_programs = model::SecurityPrograms{{{44, kReceives}}, false};
  CHECK(story.judged().cause == "socket_filter");
  CHECK(story.judged().confidence == Confidence::Partial);
  CHECK(says(
      story.judged(),
      "programs of BPF LSM may look at what sockets receive, and on this kernel their refusal has the same reason: BPF program guard"));
  story.inventory.security_programs->programs.front().hook.clear();
  CHECK(says(story.judged(), "loaded by uid 0), whose hook this kernel does not tell"));
}

TEST_CASE("lsm by the kernel's own reason") {
  SUBCASE("one program") {
    const Verdict verdict = refused("SECURITY_HOOK", {{44, kReceives}}, true).judged();
    CHECK(verdict.cause == "lsm");
    CHECK(verdict.confidence == Confidence::Strong);
    CHECK(verdict.summary == "by BPF LSM program guard (id 44, held by agent[7])");
    CHECK_FALSE(says(verdict, "PFMemallocDrop"));
  }
  SUBCASE("nobody is known") {
    const Verdict verdict = refused("SECURITY_HOOK", {}, true).judged();
    CHECK(verdict.cause == "lsm");
    CHECK(verdict.confidence == Confidence::Exact);
    CHECK(verdict.summary == "by a security module");
    CHECK(says(verdict, "no program of BPF LSM was attached"));
    CHECK(verdict.next == "cat /sys/kernel/security/lsm");
  }
  SUBCASE("two modules") {
    Story story = refused("SECURITY_HOOK", {}, true);
    story.inventory.security_modules = "selinux,smack";
    CHECK(story.judged().summary == "by a security module");
    CHECK(says(story.judged(), "not told: SELinux and Smack"));
  }
}
