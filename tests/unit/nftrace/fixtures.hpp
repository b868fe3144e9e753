// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Real messages of a kernel, one by one.
#pragma once

#include <doctest/doctest.h>
#include <linux/netlink.h>

#include <cstdint>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

namespace synfate::nftrace::test {

using Body = std::vector<std::uint8_t>;

/// What follows each message's nlmsghdr.
inline std::vector<Body> bodies(const std::string& name) {
  std::ifstream file{std::string{SYNFATE_FIXTURES} + "/nftrace/" + name, std::ios::binary};
  REQUIRE(file);
  const Body bytes{std::istreambuf_iterator<char>{file}, {}};
  std::vector<Body> all;
  for (std::size_t at = 0; at + sizeof(nlmsghdr) <= bytes.size();) {
    nlmsghdr header;
    std::memcpy(&header, bytes.data() + at, sizeof header);
    REQUIRE(header.nlmsg_len >= sizeof header);
    REQUIRE(at + header.nlmsg_len <= bytes.size());
    const auto begin = bytes.begin() + static_cast<std::ptrdiff_t>(at);
    all.emplace_back(begin + sizeof header, begin + header.nlmsg_len);
    at += NLMSG_ALIGN(header.nlmsg_len);
  }
  return all;
}

}  // namespace synfate::nftrace::test
