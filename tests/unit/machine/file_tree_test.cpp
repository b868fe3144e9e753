// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "machine/file_tree.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>

#include "container.hpp"
#include "foreign_netns.hpp"
#include "machine/fake.hpp"
#include "machine/real.hpp"
#include "temporary.hpp"

using namespace synfate;
using namespace synfate::machine;

namespace {

constexpr ReadOptions kFollow{1U << 16U, Excess::Refuse, true};

void write_file(const std::string& path, const std::string& text) { std::ofstream{path, std::ios::binary} << text; }

/// A directory with a secret beside the root of the tree.
struct Lab {
  test::TemporaryDirectory directory;
  std::string root = directory / "root";
  std::unique_ptr<FileTree> tree;

  Lab() {
    ::mkdir(root.c_str(), 0700);
    ::mkdir((root + "/etc").c_str(), 0700);
    write_file(directory / "shadow", "the machine's own");
    write_file(root + "/etc/file", "inside");
    auto opened = open_tree(root);
    REQUIRE(opened);
    tree = std::move(*opened);
  }
  void link(const std::string& target, const std::string& name) const { REQUIRE(::symlink(target.c_str(), (root + name).c_str()) == 0); }
};

ErrorKind kind_of(const Result<std::string>& text) {
  REQUIRE_FALSE(text);
  return text.error().kind;
}

}  // namespace

TEST_CASE("a tree's files are read within bounds, and only regular ones") {
  Lab lab;
  CHECK(*lab.tree->read_file("/etc/file") == "inside");
  CHECK(*lab.tree->read_file("/etc/file", {6}) == "inside");
  CHECK(kind_of(lab.tree->read_file("/etc/file", {5})) == ErrorKind::BadData);
  CHECK(*lab.tree->read_file("/etc/file", {2, Excess::Cut}) == "in");
  CHECK(kind_of(lab.tree->read_file("/etc")) == ErrorKind::BadData);
  CHECK(kind_of(lab.tree->read_file("/etc/missing")) == ErrorKind::Gone);
  CHECK(kind_of(lab.tree->read_file("/etc/file/below")) == ErrorKind::Gone);
  CHECK(kind_of(lab.tree->read_file("etc/file")) == ErrorKind::BadData);
  CHECK(kind_of(lab.tree->read_file("")) == ErrorKind::BadData);
  CHECK(kind_of(lab.tree->read_file(std::string{"/etc/file\0x", 11})) == ErrorKind::BadData);
  CHECK(kind_of(lab.tree->read_file("/" + std::string(10'000, 'x'))) == ErrorKind::BadData);
}

TEST_CASE("no path and no link leads out of a tree") {
  Lab lab;
  const std::string secret = lab.directory / "shadow";
  CHECK(kind_of(lab.tree->read_file("/../shadow")) == ErrorKind::Gone);
  CHECK(kind_of(lab.tree->read_file("/etc/../../../../shadow")) == ErrorKind::Gone);
  CHECK(*lab.tree->read_file("/../../../etc/file") == "inside");
  CHECK(kind_of(lab.tree->read_file(secret)) == ErrorKind::Gone);

  lab.link(secret, "/absolute");
  lab.link("../shadow", "/relative");
  lab.link("../../../../../../../.." + secret, "/far");
  lab.link("..", "/up");
  lab.link(lab.directory / "", "/sideways");
  for (const char* path : {"/absolute", "/relative", "/far", "/up/shadow", "/sideways/shadow", "/etc/../up/../up/shadow"}) {
    CAPTURE(path);
    CHECK(kind_of(lab.tree->read_file(path, kFollow)) == ErrorKind::Gone);
    CHECK_FALSE(lab.tree->identify(path));
  }
  // Where such a link leads to something inside, that is what a process of the container would get.
  lab.link("/etc/file", "/etc/own");
  lab.link("/", "/etc/top");
  CHECK(*lab.tree->read_file("/etc/own", kFollow) == "inside");
  CHECK(*lab.tree->read_file("/up/up/etc/top/etc/own", kFollow) == "inside");
  CHECK(*lab.tree->list_directory("/up/..") == *lab.tree->list_directory("/"));
}

TEST_CASE("a tree's links are followed on request, and those that lead nowhere are told apart") {
  Lab lab;
  lab.link("/etc/file", "/link");
  lab.link("/nowhere", "/dangling");
  lab.link("/loop", "/loop");
  CHECK(kind_of(lab.tree->read_file("/link")) == ErrorKind::BadData);
  CHECK(*lab.tree->read_file("/link", kFollow) == "inside");
  CHECK(kind_of(lab.tree->read_file("/dangling", kFollow)) == ErrorKind::Gone);
  CHECK(kind_of(lab.tree->read_file("/loop", kFollow)) == ErrorKind::BadData);
  CHECK(*lab.tree->read_link("/link") == "/etc/file");
  CHECK(*lab.tree->read_link("/dangling") == "/nowhere");
  CHECK(kind_of(lab.tree->read_link("/etc/file")) == ErrorKind::BadData);
  CHECK(kind_of(lab.tree->read_link("/missing")) == ErrorKind::Gone);
}

TEST_CASE("a FIFO and a device in a tree are refused without being opened") {
  Lab lab;
  REQUIRE(::mkfifo((lab.root + "/fifo").c_str(), 0600) == 0);
  lab.link("/fifo", "/to-fifo");
  CHECK(kind_of(lab.tree->read_file("/fifo")) == ErrorKind::BadData);
  CHECK(kind_of(lab.tree->read_file("/to-fifo", kFollow)) == ErrorKind::BadData);
  CHECK_FALSE(lab.tree->list_directory("/fifo"));
  // Had somebody opened its reading end, a writer would not be turned away.
  CHECK(::open((lab.root + "/fifo").c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC) == -1);

  RealMachine machine;
  const auto own = machine.tree_of(0);
  REQUIRE(own);
  CHECK(kind_of((*own)->read_file("/dev/zero", {16, Excess::Cut})) == ErrorKind::BadData);
  if (::mknod((lab.root + "/device").c_str(), S_IFCHR | 0600, makedev(1, 5)) == 0) {
    CHECK(kind_of(lab.tree->read_file("/device", {16, Excess::Cut})) == ErrorKind::BadData);
  }
}

TEST_CASE("directories of a tree are listed within a bound") {
  Lab lab;
  for (const char* name : {"a", "b"}) write_file(lab.root + "/etc/" + name, "");
  auto names = lab.tree->list_directory("/etc");
  REQUIRE(names);
  std::sort(names->begin(), names->end());
  CHECK(*names == std::vector<std::string>{"a", "b", "file"});
  CHECK(lab.tree->list_directory("/etc", 2).error().kind == ErrorKind::BadData);
  CHECK(lab.tree->list_directory("/etc/file").error().kind == ErrorKind::Gone);
  CHECK(lab.tree->list_directory("/missing").error().kind == ErrorKind::Gone);
}

TEST_CASE("a magic link is refused wherever it is met, and so is a kernel's file by way of a link") {
  const auto own = open_tree("/");
  REQUIRE(own);
  FileTree& tree = **own;
  const test::TemporaryDirectory directory;
  for (const char* path : {"/proc/self/exe", "/proc/self/root/etc/passwd", "/proc/self/cwd/x"}) {
    CAPTURE(path);
    CHECK(kind_of(tree.read_file(path, kFollow)) == ErrorKind::BadData);
  }
  CHECK(tree.identify("/proc/self/ns/net").error().kind == ErrorKind::BadData);
  CHECK(tree.read_link("/proc/self/ns/net")->find("net:[") == 0);
  CHECK(tree.read_file("/proc/self/status"));
  REQUIRE(::symlink("/proc/self/status", (directory / "config.json").c_str()) == 0);
  CHECK(kind_of(tree.read_file(directory / "config.json", kFollow)) == ErrorKind::BadData);
}

TEST_CASE("a tree stays the root that it was opened at") {
  Lab lab;
  REQUIRE(::rename(lab.root.c_str(), (lab.directory / "moved").c_str()) == 0);
  ::mkdir(lab.root.c_str(), 0700);
  CHECK(*lab.tree->read_file("/etc/file") == "inside");
  CHECK(open_tree(lab.directory / "missing").error().kind == ErrorKind::Gone);
  CHECK(open_tree(lab.directory / "shadow").error().kind == ErrorKind::Gone);
  RealMachine machine;
  CHECK(machine.tree_of(0x7fff'ffff).error().kind == ErrorKind::Gone);
}

TEST_CASE("a process's tree is what it sees: its mounts, and the network namespaces mounted there") {
  test::ForeignNetns foreign;
  // The shell is another process.
  const std::string path = "/proc/" + std::to_string(::getpid()) + foreign.path().substr(std::string{"/proc/self"}.size());
  test::Container container{"mount -t tmpfs tmpfs /mnt && echo -n there > /mnt/file && touch /mnt/ns && mount --bind " + path + " /mnt/ns"};
  if (container.tgid() == 0) {
    MESSAGE("skipped: making a mount namespace takes CAP_SYS_ADMIN");
    return;
  }
  RealMachine machine;
  const auto tree = machine.tree_of(container.tgid());
  REQUIRE(tree);
  CHECK(*(*tree)->read_file("/mnt/file") == "there");
  CHECK_FALSE((*machine.tree_of(0))->read_file("/mnt/file"));
  const auto mounted = (*tree)->identify("/mnt/ns");
  const auto netns = machine.open_netns(foreign.path());
  REQUIRE(mounted);
  REQUIRE(netns);
  CHECK(mounted->inode == netns->inode());
}

TEST_CASE("the fake's trees refuse what the real ones refuse") {
  FakeMachine machine;
  machine.add_file("/etc/shadow", "the machine's own");
  machine.add_process(7, "host", 1);
  machine.add_file("/proc/42/root/etc/file", "inside");
  machine.add_link("/proc/42/root/absolute", "/etc/shadow");
  machine.add_link("/proc/42/root/up", "../../..");
  machine.add_link("/proc/42/root/etc/own", "/up/etc/file");
  machine.add_link("/proc/42/root/loop", "/loop/x");
  machine.add_link("/proc/42/root/ns", "net:[4026532511]");
  machine.add_netns_mount("/proc/42/root/run/netns/cni-1", 4026532511);
  const auto made = machine.tree_of(42);
  REQUIRE(made);
  FileTree& tree = **made;
  CHECK(*tree.read_file("/etc/file") == "inside");
  CHECK(*tree.read_file("/../../etc/file") == "inside");
  CHECK(*tree.read_file("/etc/own", kFollow) == "inside");
  CHECK(kind_of(tree.read_file("/etc/own")) == ErrorKind::BadData);
  CHECK(kind_of(tree.read_file("/absolute", kFollow)) == ErrorKind::Gone);
  CHECK(kind_of(tree.read_file("/up/etc/shadow", kFollow)) == ErrorKind::Gone);
  CHECK(kind_of(tree.read_file("/loop", kFollow)) == ErrorKind::BadData);
  CHECK(kind_of(tree.read_file("/ns", kFollow)) == ErrorKind::BadData);
  CHECK(kind_of(tree.read_file("/etc")) == ErrorKind::BadData);
  CHECK(kind_of(tree.read_file("/etc/file/x")) == ErrorKind::Gone);
  CHECK(kind_of(tree.read_file("etc/file")) == ErrorKind::BadData);
  CHECK(*tree.read_link("/absolute") == "/etc/shadow");
  CHECK(tree.identify("/run/netns/cni-1")->inode == 4026532511);
  CHECK(*tree.list_directory("/run/netns") == std::vector<std::string>{"cni-1"});
  CHECK(tree.list_directory("/")->size() == 6);
  CHECK(*(*machine.tree_of(0))->read_file("/etc/shadow") == "the machine's own");
  CHECK(*(*machine.tree_of(7))->read_file("/etc/shadow") == "the machine's own");
  CHECK(machine.tree_of(8).error().kind == ErrorKind::Gone);
  machine.fail("/proc/42/root/etc/file", {ErrorKind::Permission, "", "", ""});
  CHECK(kind_of(tree.read_file("/etc/file")) == ErrorKind::Permission);
}
