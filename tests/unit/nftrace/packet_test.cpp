// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "nftrace/packet.hpp"

#include <doctest/doctest.h>

#include <vector>

namespace synfate::nftrace {
namespace {

using Raw = std::vector<std::uint8_t>;

Raw tcp(std::uint8_t flags) { return {0x9c, 0x40, 0, 80, 0xab, 0xcd, 0xef, 1, 0, 0, 0, 0, 0xa0, flags, 0, 0, 0, 0, 0, 0}; }

Raw ipv4(std::size_t words = 5, std::uint8_t protocol = 6, std::uint16_t fragment = 0) {
  Raw header{static_cast<std::uint8_t>(0x40 | words),
             0,
             0,
             60,
             0,
             0,
             static_cast<std::uint8_t>(fragment >> 8),
             static_cast<std::uint8_t>(fragment),
             64,
             protocol,
             0,
             0,
             10,
             0,
             0,
             1,
             10,
             0,
             0,
             2};
  header.resize(words * 4, 1);
  return header;
}

Raw ipv6(std::uint8_t next) {
  Raw header(40, 0);
  header[0] = 0x60;
  header[6] = next;
  header[23] = 1;
  header[39] = 2;
  return header;
}

Raw operator+(Raw left, const Raw& right) {
  left.insert(left.end(), right.begin(), right.end());
  return left;
}

TEST_CASE("IPv4, with and without options") {
  for (const std::size_t words : {5U, 6U, 15U}) {
    const auto packet = parse_packet(ipv4(words) + tcp(0x02));
    REQUIRE(packet);
    CHECK(packet->is_syn);
    CHECK(packet->sequence == 0xabcdef01);
    CHECK(model::to_string(packet->flow.src) == "10.0.0.1:40000");
    CHECK(model::to_string(packet->flow.dst) == "10.0.0.2:80");
  }
}

TEST_CASE("only a SYN without ACK is one") {
  CHECK(parse_packet(ipv4() + tcp(0xc2))->is_syn);  // asks for ECN
  CHECK_FALSE(parse_packet(ipv4() + tcp(0x12))->is_syn);
  CHECK_FALSE(parse_packet(ipv4() + tcp(0x10))->is_syn);
}

TEST_CASE("IPv6, behind extension headers") {
  CHECK(parse_packet(ipv6(6) + tcp(2))->sequence == 0xabcdef01);
  const Raw options{6, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
  const auto packet = parse_packet(ipv6(60) + options + tcp(2));
  REQUIRE(packet);
  CHECK(model::to_string(packet->flow.dst) == "[::2]:80");
  CHECK_FALSE(parse_packet(ipv6(44) + options + tcp(2)));
  // An endless chain of them.
  Raw endless = ipv6(0);
  for (int i = 0; i < 100; ++i) endless = endless + Raw{0, 0, 0, 0, 0, 0, 0, 0};
  CHECK_FALSE(parse_packet(endless));
}

TEST_CASE("what is no TCP packet from its beginning") {
  CHECK_FALSE(parse_packet({}));
  CHECK_FALSE(parse_packet(ipv4(5, 17) + tcp(2)));
  CHECK_FALSE(parse_packet(ipv4(5, 6, 100) + tcp(2)));
  CHECK_FALSE(parse_packet(ipv4(4) + tcp(2)));
  CHECK_FALSE(parse_packet(Raw(60, 0x00)));
  CHECK_FALSE(parse_headers(ipv4(5, 17), tcp(2)));
  CHECK_FALSE(parse_headers(ipv4(), Raw{1, 2, 3}));
  CHECK_FALSE(parse_headers({}, tcp(2)));
}

TEST_CASE("every cut is refused") {
  for (const Raw& whole : {ipv4(6) + tcp(2), ipv6(60) + Raw{6, 0, 0, 0, 0, 0, 0, 0} + tcp(2)}) {
    // The last six bytes of the TCP header are not needed.
    for (std::size_t size = 0; size < whole.size() - 6; ++size) CHECK_FALSE(parse_packet(Bytes(whole).first(size)));
    CHECK(parse_packet(whole));
  }
}

}  // namespace
}  // namespace synfate::nftrace
