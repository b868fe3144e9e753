// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// JSON of a recording, read as the untrusted text that it is: bounded depth, size and numbers of values; no exceptions. Private to this
// room.
#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "model/address.hpp"
#include "model/inventory.hpp"

namespace synfate::wire {

/// Not ordered_json: its objects are searched linearly, and a hostile one of a million keys would take hours to parse.
using Json = nlohmann::json;

/// The longest list and the longest text that is read or written.
inline constexpr std::size_t kMaxListed = 65'536;
inline constexpr std::size_t kMaxTextBytes = 65'536;

/// `what` begins the error's text: "inventory in a recording".
Result<Json> parse_json(std::string_view text, std::string_view what);
std::string dump(const Json& json);

/// A string as it is, or {"hex": ...} where it is not clean UTF-8: device names may hold any byte, and a recording gets looked at with a
/// pager.
Json text_json(std::string_view text);
Json address_json(const model::IpAddress& address);
Json mac_json(const std::array<std::uint8_t, 6>& mac);
Json gaps_json(const std::vector<model::Gap>& gaps);

/// Reads the fields of one object and keeps the first error, so that readers are a list of fields and one check. A field that is absent
/// keeps its default: an older tool did not write it. A field of the wrong type or out of range is an error.
class JsonFields {
 public:
  /// `where` is the path that errors name: "namespaces[2].links[0]".
  JsonFields(const Json& object, std::string where);

  template <class Number>
  requires(std::is_integral_v<Number> && !std::is_same_v<Number, bool>) void read(const char* name, Number& target) {
    const Json* value = find(name);
    if (value == nullptr) return;
    const auto number = value->is_number_unsigned()  ? to_number<Number>(value->get_ref<const Json::number_unsigned_t&>())
                        : value->is_number_integer() ? to_number<Number>(value->get_ref<const Json::number_integer_t&>())
                                                     : std::nullopt;
    if (number) {
      target = *number;
    } else {
      fail(name, "a number that fits");
    }
  }
  /// Null is none.
  template <class Number>
  void read(const char* name, std::optional<Number>& target) {
    const Json* value = find(name);
    if (value != nullptr && !value->is_null()) read(name, target.emplace());
  }
  void read(const char* name, bool& target);
  void read(const char* name, std::string& target);
  void read(const char* name, model::IpAddress& target);
  void read(const char* name, std::array<std::uint8_t, 6>& target);
  void read(const char* name, std::vector<model::Gap>& target);
  void read(const char* name, std::vector<std::string>& target);

  /// The value of a field that is an object or an array; nothing if absent, null or (an error) something else.
  const Json* object(const char* name);
  /// Calls each(element, where) until there is an error; each returns the error text of an element, empty if it is good.
  template <class Each>
  void list(const char* name, Each each) {
    const Json* values = array(name);
    if (values == nullptr) return;
    for (std::size_t i = 0; i < values->size() && error_.empty(); ++i) {
      error_ = each((*values)[i], where(name) + "[" + std::to_string(i) + "]");
    }
  }

  bool has(const char* name) const { return object_ != nullptr && object_->contains(name); }
  std::string where(const char* name) const;
  void fail(const char* name, const std::string& expected);
  /// Empty while all is well.
  const std::string& error() const { return error_; }

 private:
  template <class Number, class Wide>
  static std::optional<Number> to_number(Wide wide) {
    if (!std::in_range<Number>(wide)) return std::nullopt;
    return static_cast<Number>(wide);
  }
  const Json* find(const char* name) const;
  const Json* array(const char* name);

  const Json* object_ = nullptr;
  std::string where_;
  std::string error_;
};

/// The text in a string or a {"hex": ...}; nothing if it is neither, or too long.
std::optional<std::string> text_of(const Json& value);

/// Reads a list of T by a function that fills one T.
template <class T>
void read_list(JsonFields& fields, const char* name, std::vector<T>& target, std::string (*read_one)(const Json&, std::string, T&)) {
  fields.list(name, [&](const Json& value, std::string where) {
    T element;
    std::string error = read_one(value, std::move(where), element);
    target.push_back(std::move(element));
    return error;
  });
}

}  // namespace synfate::wire
