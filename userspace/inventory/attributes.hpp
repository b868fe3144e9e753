// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Netlink bytes as messages and attributes, with every length checked; refuses to know what they mean.
#pragma once

#include <libmnl/libmnl.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

namespace synfate::inventory {

/// One level of attributes, the last one of each type; what is malformed is not there. A view: the message must outlive it.
class Attributes {
 public:
  Attributes() = default;
  /// Those of a message, after its fixed header of that many bytes.
  Attributes(const nlmsghdr* message, std::size_t fixed_bytes);
  /// Those that make up these bytes.
  explicit Attributes(std::string_view payload);
  /// Those nested in attribute type of another level; none if it is absent.
  Attributes nested(std::uint16_t type) const;

  bool has(std::uint16_t type) const { return find(type) != nullptr; }
  std::optional<std::uint8_t> u8(std::uint16_t type) const { return value<std::uint8_t>(type); }
  std::optional<std::uint32_t> u32(std::uint16_t type) const { return value<std::uint32_t>(type); }
  std::string_view bytes(std::uint16_t type) const;
  /// Up to the first NUL, at most max_bytes; untrusted.
  std::string text(std::uint16_t type, std::size_t max_bytes) const;

 private:
  template <class Value>
  std::optional<Value> value(std::uint16_t type) const {
    const std::string_view raw = bytes(type);
    if (raw.size() < sizeof(Value)) return std::nullopt;
    Value number{};
    std::memcpy(&number, raw.data(), sizeof number);
    return number;
  }
  const nlattr* find(std::uint16_t type) const { return type < found_.size() ? found_[type] : nullptr; }
  static int keep(const nlattr* attribute, void* self);

  std::array<const nlattr*, 80> found_{};
};

/// Calls take(message) for each message; false if the bytes end in something that is not one.
template <class Take>
bool for_each_message(const std::string& bytes, Take take) {
  int remaining = static_cast<int>(bytes.size());
  const auto* message = reinterpret_cast<const nlmsghdr*>(bytes.data());
  // libmnl 1.0.4 takes a length beyond 2^31 for a negative one, and so for a fitting one.
  const auto fits = [&] { return mnl_nlmsg_ok(message, remaining) && message->nlmsg_len <= static_cast<unsigned>(remaining); };
  for (; fits(); message = mnl_nlmsg_next(message, &remaining)) take(message);
  return remaining <= 0;
}

/// Calls take(type, payload) for each attribute of these bytes, also where one type comes often; stops at what is malformed.
template <class Take>
void for_each_attribute(std::string_view bytes, Take take) {
  while (bytes.size() >= sizeof(nlattr)) {
    nlattr header{};
    std::memcpy(&header, bytes.data(), sizeof header);
    if (header.nla_len < sizeof header || header.nla_len > bytes.size()) return;
    take(static_cast<std::uint16_t>(header.nla_type & NLA_TYPE_MASK), bytes.substr(sizeof header, header.nla_len - sizeof header));
    bytes.remove_prefix(std::min<std::size_t>(MNL_ALIGN(header.nla_len), bytes.size()));
  }
}

/// Puts an attribute behind these bytes, aligned; its payload must be shorter than 64 KiB.
void append_attribute(std::string& bytes, std::uint16_t type, std::string_view payload);

/// The fixed header at the front of a message's payload; none if the message is shorter.
template <class Header>
std::optional<Header> fixed_header(const nlmsghdr* message) {
  if (mnl_nlmsg_get_payload_len(message) < sizeof(Header)) return std::nullopt;
  Header header;
  std::memcpy(&header, mnl_nlmsg_get_payload(message), sizeof header);
  return header;
}

/// A request's body.
template <class Header>
std::string body_of(const Header& header) {
  std::string body(sizeof header, '\0');
  std::memcpy(body.data(), &header, sizeof header);
  return body;
}

}  // namespace synfate::inventory
