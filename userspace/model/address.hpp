// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Addresses, endpoints and flows as values.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace synfate::model {

struct IpAddress {
  std::uint8_t family = 0;               ///< 4, 6, or 0 for none
  std::array<std::uint8_t, 16> bytes{};  ///< network order; IPv4 in the first four, the rest zero

  auto operator<=>(const IpAddress&) const = default;
  explicit operator bool() const { return family != 0; }
};

struct Prefix {
  IpAddress address;
  unsigned length = 0;  ///< bits

  bool contains(const IpAddress& other) const;
};

struct Endpoint {
  IpAddress address;
  std::uint16_t port = 0;

  auto operator<=>(const Endpoint&) const = default;
};

/// One direction of a connection.
struct Flow {
  Endpoint src;
  Endpoint dst;

  auto operator<=>(const Flow&) const = default;
  Flow reversed() const { return {dst, src}; }
  std::uint8_t family() const { return src.address.family; }
};

std::string to_string(const IpAddress& address);
/// "10.0.0.1:80", "[fd00::1]:80"
std::string to_string(const Endpoint& endpoint);
std::optional<IpAddress> parse_ip(std::string_view text);
/// "10.0.0.0/8", "fd00::/8", or a bare address; host bits are cleared.
std::optional<Prefix> parse_prefix(std::string_view text);

}  // namespace synfate::model
