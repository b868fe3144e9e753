// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Addresses and prefixes: what is accepted, what is refused, how they are written, which prefix holds which address.
#include "model/address.hpp"

#include <doctest/doctest.h>

#include <string>
#include <string_view>

using namespace synfate::model;

namespace {

IpAddress ip(std::string_view text) {
  const auto address = parse_ip(text);
  REQUIRE_MESSAGE(address, text);
  return *address;
}

Prefix prefix(std::string_view text) {
  const auto parsed = parse_prefix(text);
  REQUIRE_MESSAGE(parsed, text);
  return *parsed;
}

}  // namespace

TEST_CASE("addresses are read and written in one form") {
  CHECK(to_string(ip("10.42.0.17")) == "10.42.0.17");
  CHECK(to_string(ip("0.0.0.0")) == "0.0.0.0");
  CHECK(to_string(ip("2001:DB8:0:0:0:0:0:1")) == "2001:db8::1");
  CHECK(to_string(ip("::")) == "::");
  CHECK(to_string(IpAddress{}) == "-");
}

TEST_CASE("an IPv4 address lies in the first four bytes and nothing else is set") {
  const IpAddress address = ip("192.0.2.1");
  CHECK(address.family == 4);
  CHECK(address.bytes[0] == 192);
  CHECK(address.bytes[3] == 1);
  for (std::size_t i = 4; i < 16; ++i) CHECK(address.bytes[i] == 0);
}

TEST_CASE("an IPv4 address mapped into IPv6 is an IPv6 address") {
  CHECK(ip("::ffff:192.0.2.1").family == 6);
  CHECK(ip("::ffff:192.0.2.1") != ip("192.0.2.1"));
}

TEST_CASE("what is no address") {
  for (const std::string_view text : {"", " ", "10.0.0", "10.0.0.0.1", "256.0.0.1", "10.0.0.1 ", " 10.0.0.1", "10.0.0.1/8", "localhost",
                                      "1:2:3", "fe80::1%eth0", "[::1]", ":::", "12345::", "010.0.0.1x", "1.2.3.4:80"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_ip(text));
  }
  CHECK_FALSE(parse_ip(std::string(100'000, '1')));
  CHECK_FALSE(parse_ip(std::string_view("10.0.0.1\0x", 10)));
}

TEST_CASE("endpoints") {
  CHECK(to_string(Endpoint{ip("10.0.0.1"), 80}) == "10.0.0.1:80");
  CHECK(to_string(Endpoint{ip("fd00::1"), 65535}) == "[fd00::1]:65535");
  CHECK(to_string(Endpoint{IpAddress{}, 0}) == "-:0");
}

TEST_CASE("a flow and its answer") {
  const Flow flow{{ip("10.0.0.1"), 1000}, {ip("10.0.0.2"), 80}};
  CHECK(flow.reversed() == Flow{{ip("10.0.0.2"), 80}, {ip("10.0.0.1"), 1000}});
  CHECK(flow.reversed().reversed() == flow);
  CHECK(flow != flow.reversed());
  CHECK(flow.family() == 4);
}

TEST_CASE("host bits of a prefix are cleared") {
  CHECK(prefix("10.1.2.3/8").address == ip("10.0.0.0"));
  CHECK(prefix("10.1.2.255/25").address == ip("10.1.2.128"));
  CHECK(prefix("10.1.2.3/0").address == ip("0.0.0.0"));
  CHECK(prefix("fd00:1:2:3::5/33").address == ip("fd00:1::"));
  CHECK(prefix("fd00:1:ffff::5/34").address == ip("fd00:1:c000::"));
}

TEST_CASE("a bare address is a prefix of its own") {
  CHECK(prefix("10.1.2.3").length == 32);
  CHECK(prefix("10.1.2.3").address == ip("10.1.2.3"));
  CHECK(prefix("fd00::1").length == 128);
  CHECK(prefix("fd00::1/128").address == ip("fd00::1"));
}

TEST_CASE("what is no prefix") {
  for (const std::string_view text :
       {"", "/", "/8", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/+8", "10.0.0.0/8/8", "10.0.0.0/ 8", "10.0.0.0/8 ",
        "10.0.0.0/0x8", "fd00::/129", "fd00::/4294967297", "10.0.0.0/255.0.0.0", "10/8"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_prefix(text));
  }
}

TEST_CASE("which addresses a prefix holds, at the edges") {
  CHECK(prefix("10.0.0.0/8").contains(ip("10.255.255.255")));
  CHECK_FALSE(prefix("10.0.0.0/8").contains(ip("11.0.0.0")));
  CHECK(prefix("10.0.0.128/25").contains(ip("10.0.0.128")));
  CHECK_FALSE(prefix("10.0.0.128/25").contains(ip("10.0.0.127")));
  CHECK(prefix("10.0.0.4/31").contains(ip("10.0.0.5")));
  CHECK_FALSE(prefix("10.0.0.4/31").contains(ip("10.0.0.6")));
  CHECK(prefix("10.0.0.4").contains(ip("10.0.0.4")));
  CHECK_FALSE(prefix("10.0.0.4").contains(ip("10.0.0.5")));
  CHECK(prefix("0.0.0.0/0").contains(ip("255.255.255.255")));
  CHECK(prefix("fd00::/127").contains(ip("fd00::1")));
  CHECK_FALSE(prefix("fd00::/127").contains(ip("fd00::2")));
  CHECK_FALSE(prefix("fd00::1/128").contains(ip("fd00::")));
}

TEST_CASE("a prefix holds no address of the other family, not even when it holds all of its own") {
  CHECK_FALSE(prefix("0.0.0.0/0").contains(ip("::")));
  CHECK_FALSE(prefix("::/0").contains(ip("0.0.0.0")));
  CHECK_FALSE(prefix("::/0").contains(IpAddress{}));
}

TEST_CASE("each length of prefix splits at exactly its own bit") {
  for (const std::string family : {"255.255.255.255", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"}) {
    const IpAddress ones = ip(family);
    const unsigned bits = ones.family == 4 ? 32 : 128;
    for (unsigned length = 1; length <= bits; ++length) {
      CAPTURE(length);
      const Prefix parsed = prefix(family + "/" + std::to_string(length));
      IpAddress inside = parsed.address;
      IpAddress outside = ones;
      outside.bytes[(length - 1) / 8] ^= static_cast<std::uint8_t>(0x80U >> ((length - 1) % 8));
      REQUIRE(parsed.contains(inside));
      REQUIRE(parsed.contains(ones));
      REQUIRE_FALSE(parsed.contains(outside));
    }
  }
}
