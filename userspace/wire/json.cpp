// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "wire/json.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace synfate::wire {
namespace {

constexpr std::size_t kMaxDepth = 16;
/// A namespace with twenty devices takes about 500; ten bytes of text can cost a hundred of memory.
constexpr std::size_t kMaxValues = 2'000'000;
constexpr std::string_view kHexDigits = "0123456789abcdef";

/// Why this text must not be given to the parser; empty if it may. Looks only at brackets, commas and strings, so it also takes non-JSON.
std::string excess(std::string_view text) {
  std::size_t depth = 0;
  std::size_t values = 1;
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quoted) {
      if (c == '\\') ++i;
      if (c == '"') quoted = false;
      continue;
    }
    quoted = c == '"';
    const bool opens = c == '[' || c == '{';
    if (opens && ++depth > kMaxDepth) return "nests deeper than " + std::to_string(kMaxDepth);
    if ((c == ']' || c == '}') && depth > 0) --depth;
    if ((opens || c == ',') && ++values > kMaxValues) return "has more than " + std::to_string(kMaxValues) + " values";
  }
  return {};
}

std::string to_hex(std::string_view bytes) {
  std::string hex;
  hex.reserve(bytes.size() * 2);
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    hex += kHexDigits[byte >> 4];
    hex += kHexDigits[byte & 0x0f];
  }
  return hex;
}

std::optional<std::string> from_hex(std::string_view hex) {
  if (hex.size() % 2 != 0) return std::nullopt;
  std::string bytes;
  bytes.reserve(hex.size() / 2);
  for (std::size_t i = 0; i < hex.size(); i += 2) {
    const std::size_t high = kHexDigits.find(hex[i]);
    const std::size_t low = kHexDigits.find(hex[i + 1]);
    if (high == std::string_view::npos || low == std::string_view::npos) return std::nullopt;
    bytes += static_cast<char>(high << 4 | low);
  }
  return bytes;
}

}  // namespace

Result<Json> parse_json(std::string_view text, std::string_view what) {
  const auto bad = [&](std::string why) { return Error{ErrorKind::BadData, "cannot read the " + std::string(what), std::move(why), ""}; };
  if (std::string why = excess(text); !why.empty()) return bad("its JSON " + why);
  Json json = Json::parse(text, nullptr, false);
  if (json.is_discarded()) return bad("it is not JSON");
  if (!json.is_object()) return bad("it is not a JSON object");
  return json;
}

std::string dump(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

Json text_json(std::string_view text) {
  text = text.substr(0, kMaxTextBytes);
  if (printable(text, text.size()) == text) return std::string(text);
  return Json{{"hex", to_hex(text)}};
}

std::optional<std::string> text_of(const Json& value) {
  if (const auto* text = value.get_ptr<const Json::string_t*>()) {
    return text->size() <= kMaxTextBytes ? std::optional(*text) : std::nullopt;
  }
  if (!value.is_object() || value.size() != 1 || !value.contains("hex")) return std::nullopt;
  const auto* hex = value["hex"].get_ptr<const Json::string_t*>();
  return hex != nullptr && hex->size() <= 2 * kMaxTextBytes ? from_hex(*hex) : std::nullopt;
}

Json address_json(const model::IpAddress& address) { return address ? Json(model::to_string(address)) : Json(nullptr); }

Json mac_json(const std::array<std::uint8_t, 6>& mac) {
  std::string text;
  for (const std::uint8_t byte : mac) {
    if (!text.empty()) text += ':';
    text += kHexDigits[byte >> 4];
    text += kHexDigits[byte & 0x0f];
  }
  return text;
}

Json gaps_json(const std::vector<model::Gap>& gaps) {
  Json list = Json::array();
  const std::size_t kept = gaps.size() <= kMaxListed ? gaps.size() : kMaxListed - 1;
  for (std::size_t i = 0; i < kept; ++i) {
    const auto& [code, text] = gaps[i];
    list.push_back({{"code", text_json(code)}, {"text", text_json(text)}});
  }
  if (kept < gaps.size()) {
    list.push_back({{"code", "recording_cut"}, {"text", std::to_string(gaps.size() - kept) + " more gaps were not recorded"}});
  }
  return list;
}

JsonFields::JsonFields(const Json& object, std::string where) : where_(std::move(where)) {
  if (object.is_object()) {
    object_ = &object;
  } else {
    error_ = where_ + " is not an object";
  }
}

std::string JsonFields::where(const char* name) const { return where_.empty() ? name : where_ + "." + name; }

void JsonFields::fail(const char* name, const std::string& expected) {
  if (error_.empty()) error_ = where(name) + " is not " + expected;
}

const Json* JsonFields::find(const char* name) const {
  if (object_ == nullptr || !error_.empty()) return nullptr;
  const auto it = object_->find(name);
  return it == object_->end() ? nullptr : &*it;
}

const Json* JsonFields::object(const char* name) {
  const Json* value = find(name);
  if (value == nullptr || value->is_null()) return nullptr;
  if (value->is_object()) return value;
  fail(name, "an object");
  return nullptr;
}

const Json* JsonFields::array(const char* name) {
  const Json* value = find(name);
  if (value == nullptr) return nullptr;
  if (!value->is_array()) {
    fail(name, "a list");
  } else if (value->size() > kMaxListed) {
    fail(name, "a list of at most " + std::to_string(kMaxListed) + " (it has " + std::to_string(value->size()) + ")");
  } else {
    return value;
  }
  return nullptr;
}

void JsonFields::read(const char* name, bool& target) {
  const Json* value = find(name);
  if (value == nullptr) return;
  if (const auto* flag = value->get_ptr<const Json::boolean_t*>()) {
    target = *flag;
  } else {
    fail(name, "true or false");
  }
}

void JsonFields::read(const char* name, std::string& target) {
  const Json* value = find(name);
  if (value == nullptr) return;
  if (auto text = text_of(*value)) {
    target = std::move(*text);
  } else {
    fail(name, "a text of at most " + std::to_string(kMaxTextBytes) + " bytes");
  }
}

void JsonFields::read(const char* name, model::IpAddress& target) {
  const Json* value = find(name);
  if (value == nullptr || value->is_null()) return;
  const auto* text = value->get_ptr<const Json::string_t*>();
  const auto address = text == nullptr ? std::nullopt : model::parse_ip(*text);
  if (address) {
    target = *address;
  } else {
    fail(name, "an IP address");
  }
}

void JsonFields::read(const char* name, std::array<std::uint8_t, 6>& target) {
  const Json* value = find(name);
  if (value == nullptr) return;
  const auto* text = value->get_ptr<const Json::string_t*>();
  std::string digits = text == nullptr || text->size() != 17 ? std::string() : *text;
  for (std::size_t i = 2; i < digits.size(); i += 3) {
    if (digits[i] != ':') digits.clear();
  }
  std::erase(digits, ':');
  const auto bytes = from_hex(digits);
  if (!bytes || bytes->size() != target.size()) return fail(name, "a MAC address");
  std::copy(bytes->begin(), bytes->end(), target.begin());
}

void JsonFields::read(const char* name, std::vector<model::Gap>& target) {
  list(name, [&](const Json& value, std::string at) {
    JsonFields fields(value, std::move(at));
    model::Gap gap;
    fields.read("code", gap.code);
    fields.read("text", gap.text);
    target.push_back(std::move(gap));
    return fields.error();
  });
}

void JsonFields::read(const char* name, std::vector<std::string>& target) {
  list(name, [&](const Json& value, const std::string& at) {
    auto text = text_of(value);
    if (!text) return at + " is not a text";
    target.push_back(std::move(*text));
    return std::string();
  });
}

}  // namespace synfate::wire
