// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Who owns a descriptor at each moment, seen from the kernel's side: whether it is open.
#include "base/unique_fd.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <unistd.h>

#include <type_traits>
#include <utility>

using synfate::UniqueFd;

namespace {

int opened() {
  const int fd = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  REQUIRE(fd >= 0);
  return fd;
}

bool is_open(int fd) { return ::fcntl(fd, F_GETFD) != -1; }

}  // namespace

TEST_CASE("the empty descriptor is -1 and false") {
  const UniqueFd none;
  CHECK(none.get() == -1);
  CHECK_FALSE(none);
  CHECK(UniqueFd(-5).get() == -1);
}

TEST_CASE("descriptor 0 counts as owned") {
  UniqueFd zero(0);
  CHECK(zero);
  CHECK(zero.release() == 0);
}

TEST_CASE("it is closed at the end of its owner's life") {
  const int fd = opened();
  {
    const UniqueFd owner(fd);
    CHECK(owner);
    CHECK(is_open(fd));
  }
  CHECK_FALSE(is_open(fd));
}

TEST_CASE("a move hands it over and leaves nothing behind") {
  const int fd = opened();
  UniqueFd first(fd);
  UniqueFd second(std::move(first));
  CHECK(first.get() == -1);
  CHECK(second.get() == fd);
  CHECK(is_open(fd));
}

TEST_CASE("move assignment closes what was held before") {
  const int kept = opened();
  const int dropped = opened();
  UniqueFd from(kept);
  UniqueFd to(dropped);
  to = std::move(from);
  CHECK_FALSE(is_open(dropped));
  CHECK(is_open(kept));
  CHECK(to.get() == kept);
  CHECK_FALSE(from);
}

TEST_CASE("assignment to itself keeps it open") {
  const int fd = opened();
  UniqueFd owner(fd);
  UniqueFd& same = owner;
  owner = std::move(same);
  CHECK(owner.get() == fd);
  CHECK(is_open(fd));
}

TEST_CASE("release gives it away open, reset closes and replaces") {
  const int fd = opened();
  UniqueFd owner(fd);
  CHECK(owner.release() == fd);
  CHECK_FALSE(owner);
  CHECK(is_open(fd));

  owner.reset(fd);
  const int other = opened();
  owner.reset(other);
  CHECK_FALSE(is_open(fd));
  CHECK(owner.get() == other);
  owner.reset(-7);
  CHECK_FALSE(is_open(other));
  CHECK(owner.get() == -1);
}

TEST_CASE("it cannot be copied, thrown from by a move, or taken for a number") {
  static_assert(!std::is_copy_constructible_v<UniqueFd> && !std::is_copy_assignable_v<UniqueFd>);
  static_assert(std::is_nothrow_move_constructible_v<UniqueFd> && std::is_nothrow_move_assignable_v<UniqueFd>);
  static_assert(!std::is_convertible_v<UniqueFd, int> && !std::is_convertible_v<int, UniqueFd>);
  static_assert(!std::is_convertible_v<UniqueFd, bool>);
}
