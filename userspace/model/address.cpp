// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "model/address.hpp"

#include <arpa/inet.h>

#include <charconv>

namespace synfate::model {

bool Prefix::contains(const IpAddress& other) const {
  if (other.family != address.family) return false;
  for (unsigned bit = 0; bit < length; bit += 8) {
    const unsigned rest = length - bit;
    const unsigned mask = rest >= 8 ? 0xffU : (0xff00U >> rest) & 0xffU;
    if (((address.bytes[bit / 8] ^ other.bytes[bit / 8]) & mask) != 0) return false;
  }
  return true;
}

std::string to_string(const IpAddress& address) {
  if (!address) return "-";
  char text[INET6_ADDRSTRLEN] = "";
  inet_ntop(address.family == 4 ? AF_INET : AF_INET6, address.bytes.data(), text, sizeof text);
  return text;
}

std::string to_string(const Endpoint& endpoint) {
  const std::string address = to_string(endpoint.address);
  const std::string port = std::to_string(endpoint.port);
  return endpoint.address.family == 6 ? "[" + address + "]:" + port : address + ":" + port;
}

std::optional<IpAddress> parse_ip(std::string_view text) {
  if (text.size() >= INET6_ADDRSTRLEN || text.find('\0') != std::string_view::npos) return std::nullopt;
  const std::string terminated(text);
  IpAddress address;
  address.family = terminated.find(':') == std::string::npos ? 4 : 6;
  const int family = address.family == 4 ? AF_INET : AF_INET6;
  if (inet_pton(family, terminated.c_str(), address.bytes.data()) != 1) return std::nullopt;
  return address;
}

std::optional<Prefix> parse_prefix(std::string_view text) {
  const std::size_t slash = text.find('/');
  const auto address = parse_ip(text.substr(0, slash));
  if (!address) return std::nullopt;
  const unsigned bits = address->family == 4 ? 32 : 128;
  Prefix prefix{*address, bits};
  if (slash != std::string_view::npos) {
    const std::string_view length = text.substr(slash + 1);
    const auto [end, error] = std::from_chars(length.data(), length.data() + length.size(), prefix.length);
    if (length.empty() || error != std::errc{} || end != length.data() + length.size() || prefix.length > bits) return std::nullopt;
  }
  for (unsigned byte = 0; byte < 16; ++byte) {
    const unsigned first_bit = byte * 8;
    if (first_bit >= prefix.length) {
      prefix.address.bytes[byte] = 0;
    } else if (prefix.length - first_bit < 8) {
      prefix.address.bytes[byte] &= static_cast<std::uint8_t>(0xff00U >> (prefix.length - first_bit));
    }
  }
  return prefix;
}

}  // namespace synfate::model
