// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>

#include "machine/real.hpp"
#include "temporary.hpp"

using namespace synfate;
using namespace synfate::machine;

namespace {

void write_file(const std::string& path, const std::string& text) { std::ofstream{path, std::ios::binary} << text; }

}  // namespace

TEST_CASE("a file is read whole, exactly up to its bound") {
  const test::TemporaryDirectory directory;
  RealMachine machine;
  const std::string text(10'000, 'x');
  write_file(directory / "file", text);
  const auto whole = machine.read_file(directory / "file", {text.size()});
  REQUIRE(whole);
  CHECK(*whole == text);

  const auto beyond = machine.read_file(directory / "file", {text.size() - 1});
  REQUIRE_FALSE(beyond);
  CHECK(beyond.error().kind == ErrorKind::BadData);

  const auto cut = machine.read_file(directory / "file", {100, Excess::Cut});
  REQUIRE(cut);
  CHECK(*cut == text.substr(0, 100));
}

TEST_CASE("a file whose size is not told beforehand is read") {
  RealMachine machine;
  const auto status = machine.read_file("/proc/self/status");
  REQUIRE(status);
  CHECK(status->find("Name:") == 0);
}

TEST_CASE("what is not a regular file is refused, without waiting for it") {
  const test::TemporaryDirectory directory;
  RealMachine machine;
  REQUIRE(::mkfifo((directory / "fifo").c_str(), 0600) == 0);
  for (const std::string& path : {directory / "fifo", directory / "", std::string{"/dev/zero"}}) {
    const auto text = machine.read_file(path, {16, Excess::Cut, true});
    REQUIRE_FALSE(text);
    CHECK(text.error().kind == ErrorKind::BadData);
  }
}

TEST_CASE("a link is followed only on request, and a dangling one is nothing") {
  const test::TemporaryDirectory directory;
  RealMachine machine;
  write_file(directory / "file", "text");
  REQUIRE(::symlink((directory / "file").c_str(), (directory / "link").c_str()) == 0);
  REQUIRE(::symlink((directory / "nowhere").c_str(), (directory / "dangling").c_str()) == 0);

  const auto refused = machine.read_file(directory / "link");
  REQUIRE_FALSE(refused);
  CHECK(refused.error().kind == ErrorKind::BadData);
  const auto followed = machine.read_file(directory / "link", {100, Excess::Refuse, true});
  REQUIRE(followed);
  CHECK(*followed == "text");
  const auto dangling = machine.read_file(directory / "dangling", {100, Excess::Refuse, true});
  REQUIRE_FALSE(dangling);
  CHECK(dangling.error().kind == ErrorKind::Gone);

  const auto target = machine.read_link(directory / "link");
  REQUIRE(target);
  CHECK(*target == directory / "file");
  CHECK_FALSE(machine.read_link(directory / "file"));
}

TEST_CASE("a directory is listed within a bound") {
  const test::TemporaryDirectory directory;
  RealMachine machine;
  for (const char* name : {"a", "b", "c"}) write_file(directory / name, "");
  auto names = machine.list_directory(directory / "");
  REQUIRE(names);
  std::sort(names->begin(), names->end());
  CHECK(*names == std::vector<std::string>{"a", "b", "c"});
  const auto too_many = machine.list_directory(directory / "", 2);
  REQUIRE_FALSE(too_many);
  CHECK(too_many.error().kind == ErrorKind::BadData);
  const auto missing = machine.list_directory(directory / "missing");
  REQUIRE_FALSE(missing);
  CHECK(missing.error().kind == ErrorKind::Gone);
}
