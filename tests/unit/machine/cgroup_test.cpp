// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// The real kernel's names of cgroups.
#include "machine/cgroup.hpp"

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <optional>

#include "base/text.hpp"
#include "machine/files.hpp"

using namespace synfate;
using namespace synfate::machine;

namespace {

std::optional<std::string> mounted_at() {
  const auto mounts = read_regular_file("/proc/self/mounts", {});
  REQUIRE(mounts);
  for (const std::string_view line : split(*mounts, '\n')) {
    const auto fields = split(line, ' ');
    if (fields.size() > 2 && fields[2] == "cgroup2") return std::string(fields[1]);
  }
  return std::nullopt;
}

}  // namespace

TEST_CASE("a cgroup's number leads to its path, and a number that none has to nothing") {
  const auto root = mounted_at();
  if (!root) {
    MESSAGE("not tried: cgroup v2 is not mounted here");
    return;
  }
  const std::string name = "/synfate-unit-" + std::to_string(::getpid());
  const std::string directory = *root + name;
  if (::mkdir(directory.c_str(), 0755) == 0) {
    const auto identity = identify_file(directory);
    const auto path = identity ? cgroup_path_of(identity->inode) : Result<std::string>(identity.error());
    ::rmdir(directory.c_str());
    REQUIRE_MESSAGE(path, to_string(path.error()));
    CHECK(*path == name);
    CHECK(cgroup_path_of(identity->inode).error().kind == ErrorKind::Gone);
  } else {
    MESSAGE("not tried: no cgroup may be made below ", *root);
  }
  const auto at_root = identify_file(*root);
  REQUIRE(at_root);
  const auto path = cgroup_path_of(at_root->inode);
  if (!path && path.error().kind == ErrorKind::Permission) {
    MESSAGE("not tried: ", to_string(path.error()));
    return;
  }
  REQUIRE_MESSAGE(path, to_string(path.error()));
  CHECK(*path == "/");
  CHECK(cgroup_path_of(0x7fff'ffff'ffff).error().kind == ErrorKind::Gone);
}
