// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Hostile text: nothing that comes out of printable() may move a cursor, hide text or be invalid UTF-8.
#include "base/text.hpp"

#include <doctest/doctest.h>

#include <string>
#include <string_view>

using namespace synfate;
using namespace std::string_literals;

namespace {

struct Row {
  std::string untrusted;
  std::string clean;
};

std::string encode(char32_t c) {
  std::string text;
  const auto add = [&](char32_t byte) { text += static_cast<char>(static_cast<unsigned char>(byte)); };
  if (c < 0x80) {
    add(c);
  } else if (c < 0x800) {
    add(0xc0 | c >> 6);
    add(0x80 | (c & 0x3f));
  } else if (c < 0x10000) {
    add(0xe0 | c >> 12);
    add(0x80 | ((c >> 6) & 0x3f));
    add(0x80 | (c & 0x3f));
  } else {
    add(0xf0 | c >> 18);
    add(0x80 | ((c >> 12) & 0x3f));
    add(0x80 | ((c >> 6) & 0x3f));
    add(0x80 | (c & 0x3f));
  }
  return text;
}

}  // namespace

TEST_CASE("honest text stays as it is") {
  for (const std::string& text : {""s, "eth0"s, "kube-system/coredns-5d78c9869d-abcde"s, "größe"s, "日本語"s, "🚀 ok"s, "a→b ─ ✗ ×3"s}) {
    CHECK(printable(text) == text);
  }
}

TEST_CASE("control characters and ill-formed bytes become question marks") {
  const Row rows[] = {
      {"a\nb\r\tc", "a?b??c"},
      {"\x1b[2J\x1b]0;title\x07", "?[2J?]0;title?"},
      {"a\0b"s, "a?b"},
      {"\x7f", "?"},
      {"\xc2\x9b"
       "2J",
       "?2J"},
      {"\x9b"
       "2J",
       "?2J"},
      {"\xff\xfe", "??"},
      {"\xc3", "?"},
      {"a\xe2\x82", "a??"},
      {"\xe2\x82"
       "A",
       "??A"},
      {"\xf0\x9f\x9a", "???"},
      {"\x80\x80", "??"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.clean);
    CHECK(printable(row.untrusted) == row.clean);
  }
}

TEST_CASE("overlong forms, surrogates and what lies beyond Unicode are not characters") {
  for (const std::string& text : {"\xc0\xaf"s, "\xc1\xbf"s, "\xe0\x80\xaf"s, "\xe0\x9f\xbf"s, "\xf0\x80\x80\xaf"s, "\xf0\x8f\xbf\xbf"s,
                                  "\xed\xa0\x80"s, "\xed\xbf\xbf"s, "\xf4\x90\x80\x80"s, "\xf5\x80\x80\x80"s, "\xf8\x88\x80\x80\x80"s}) {
    CHECK(printable(text) == std::string(text.size(), '?'));
  }
}

TEST_CASE("the edges of well-formed UTF-8 are characters") {
  for (const char32_t c : {0x20U, 0x7eU, 0xa0U, 0x7ffU, 0x800U, 0xd7ffU, 0xe000U, 0xfffdU, 0x10000U, 0x10ffffU}) {
    CAPTURE(static_cast<unsigned>(c));
    CHECK(printable(encode(c)) == encode(c));
  }
}

TEST_CASE("characters that reorder, hide or break lines become question marks") {
  for (const char32_t c : {0x80U, 0x85U, 0x9fU, 0xadU, 0x61cU, 0x200bU, 0x200eU, 0x200fU, 0x2028U, 0x2029U, 0x202aU, 0x202eU, 0x2060U,
                           0x2066U, 0x2069U, 0xfeffU}) {
    CAPTURE(static_cast<unsigned>(c));
    CHECK(printable("a" + encode(c) + "b") == "a?b");
  }
}

TEST_CASE("text is cut at the edge of a character") {
  CHECK(printable("abcdef", 3) == "abc");
  CHECK(printable("abc", 3) == "abc");
  CHECK(printable("aéé", 2) == "a");
  CHECK(printable("aéé", 3) == "aé");
  CHECK(printable("🚀", 3).empty());
  CHECK(printable("x", 0).empty());
  CHECK(printable("\x1b\x1b\x1b", 2) == "??");
  CHECK(printable(std::string(100'000, 'x')).size() == 4096);
}

TEST_CASE("cleaning twice changes nothing, for every byte and every pair of bytes") {
  for (unsigned first = 0; first < 256; ++first) {
    for (unsigned second = 0; second < 256; ++second) {
      const std::string text{static_cast<char>(first), static_cast<char>(second)};
      const std::string once = printable(text);
      REQUIRE(printable(once) == once);
      for (const char c : once) REQUIRE((static_cast<unsigned char>(c) >= 0x20 && c != 0x7f));
    }
  }
}

TEST_CASE("split keeps empty parts") {
  CHECK(split("", ',').size() == 1);
  CHECK(split("a", ',').size() == 1);
  const auto parts = split(",a,,b,", ',');
  REQUIRE(parts.size() == 5);
  CHECK(parts[0].empty());
  CHECK(parts[1] == "a");
  CHECK(parts[2].empty());
  CHECK(parts[3] == "b");
  CHECK(parts[4].empty());
}

TEST_CASE("trim takes blanks from both ends only") {
  CHECK(trim("") == "");
  CHECK(trim(" \t\r\n") == "");
  CHECK(trim("  a b\n") == "a b");
  CHECK(trim("a") == "a");
}

TEST_CASE("a number is the whole string") {
  CHECK(parse_number("0") == 0U);
  CHECK(parse_number("007") == 7U);
  CHECK(parse_number("18446744073709551615") == 18446744073709551615ULL);
  for (const std::string_view text : {"", "-1", "+1", " 1", "1 ", "1x", "0x10", "1.5", "18446744073709551616", "١"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_number(text));
  }
}
