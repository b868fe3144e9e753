// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "inventory/attributes.hpp"

#include <algorithm>

namespace synfate::inventory {

Attributes::Attributes(const nlmsghdr* message, std::size_t fixed_bytes) {
  mnl_attr_parse(message, static_cast<unsigned>(fixed_bytes), &Attributes::keep, this);
}

Attributes::Attributes(std::string_view payload) { mnl_attr_parse_payload(payload.data(), payload.size(), &Attributes::keep, this); }

Attributes Attributes::nested(std::uint16_t type) const {
  Attributes inner;
  if (const nlattr* nest = find(type); nest != nullptr) mnl_attr_parse_nested(nest, &Attributes::keep, &inner);
  return inner;
}

int Attributes::keep(const nlattr* attribute, void* self) {
  auto* attributes = static_cast<Attributes*>(self);
  const std::uint16_t type = mnl_attr_get_type(attribute);
  if (type < attributes->found_.size()) attributes->found_[type] = attribute;
  return MNL_CB_OK;
}

std::string_view Attributes::bytes(std::uint16_t type) const {
  const nlattr* attribute = find(type);
  if (attribute == nullptr) return {};
  return {static_cast<const char*>(mnl_attr_get_payload(attribute)), mnl_attr_get_payload_len(attribute)};
}

std::string Attributes::text(std::uint16_t type, std::size_t max_bytes) const {
  const std::string_view raw = bytes(type);
  return std::string{raw.substr(0, std::min(raw.find('\0'), max_bytes))};
}

void append_attribute(std::string& bytes, std::uint16_t type, std::string_view payload) {
  const nlattr header{static_cast<std::uint16_t>(sizeof(nlattr) + payload.size()), type};
  bytes.append(reinterpret_cast<const char*>(&header), sizeof header);
  bytes.append(payload);
  bytes.resize(MNL_ALIGN(bytes.size()));
}

}  // namespace synfate::inventory
