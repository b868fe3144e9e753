// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Errors as values: which state a Result is in, that values move through it, and the words of an Error.
#include "base/result.hpp"

#include <doctest/doctest.h>

#include <cerrno>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>

using namespace synfate;

namespace {

Result<int> half(int number) {
  if (number % 2 != 0) return Error{ErrorKind::Usage, "cannot halve", "it is odd", "try an even number"};
  return number / 2;
}

}  // namespace

TEST_CASE("a result is a value or an error") {
  const Result<int> good = half(8);
  REQUIRE(good);
  CHECK(*good == 4);

  const Result<int> bad = half(7);
  REQUIRE_FALSE(bad);
  CHECK(bad.error().kind == ErrorKind::Usage);
  CHECK(bad.error().what == "cannot halve");
}

TEST_CASE("a falsy value is still a value") {
  const Result<int> zero = half(0);
  const Result<bool> no = false;
  const Result<std::string> nothing = std::string();
  const Status done = Ok{};
  CHECK(zero);
  CHECK(no);
  CHECK_FALSE(*no);
  CHECK(nothing);
  CHECK(done);
}

TEST_CASE("a value that cannot be copied moves through") {
  Result<std::unique_ptr<int>> boxed = std::make_unique<int>(5);
  REQUIRE(boxed);
  const std::unique_ptr<int> out = *std::move(boxed);
  CHECK(*out == 5);
  static_assert(!std::is_copy_constructible_v<Result<std::unique_ptr<int>>>);
}

TEST_CASE("a value is changed in place") {
  Result<std::string> text = std::string("a");
  text->push_back('b');
  *text += 'c';
  CHECK(*text == "abc");
}

TEST_CASE("an error can be taken out") {
  Result<int> bad = half(1);
  const Error error = std::move(bad).error();
  CHECK(error.why == "it is odd");
}

TEST_CASE("a result does not turn into a number by itself") {
  static_assert(!std::is_convertible_v<Result<int>, bool>);
  static_assert(!std::is_convertible_v<Result<int>, int>);
}

TEST_CASE("an error in words, without punctuation for what it lacks") {
  CHECK(to_string(Error{ErrorKind::Io, "cannot open x", "", ""}) == "cannot open x");
  CHECK(to_string(Error{ErrorKind::Io, "cannot open x", "no such file", ""}) == "cannot open x: no such file");
  CHECK(to_string(Error{ErrorKind::Io, "cannot open x", "no such file", "name another"}) == "cannot open x: no such file\n  name another");
  CHECK(to_string(Error{ErrorKind::Io, "cannot open x", "", "name another"}) == "cannot open x\n  name another");
}

TEST_CASE("errno in words") {
  CHECK(errno_text(ENOENT) == "No such file or directory");
  CHECK(errno_text(ENOENT) != errno_text(EPERM));
  CHECK_FALSE(errno_text(99999).empty());
}
