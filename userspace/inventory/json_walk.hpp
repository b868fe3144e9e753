// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// JSON that programs of a container left behind, of whose hundred kilobytes six lines are wanted: passed over where they are not, walked
// value by value where they are, nothing kept; bounded depth, no exceptions. Refuses what is not whole.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace synfate::inventory {

/// Where a value is: the keys from the outermost inwards; an element of a list has the key "".
class JsonPath {
 public:
  JsonPath(const std::vector<std::string>& keys, std::size_t depth) : keys_(&keys), depth_(depth) {}

  std::size_t depth() const { return depth_; }
  std::string_view operator[](std::size_t i) const { return (*keys_)[i]; }
  bool is(std::initializer_list<std::string_view> keys) const;

 private:
  const std::vector<std::string>* keys_;
  std::size_t depth_;
};

/// Null and fractions are neither.
struct JsonValue {
  std::optional<std::string_view> text;
  std::optional<std::uint64_t> number;
  std::optional<bool> flag;
};

class JsonVisitor {
 public:
  virtual ~JsonVisitor() = default;
  virtual void value(const JsonPath& path, const JsonValue& value) = 0;
  /// An object or a list ended.
  virtual void end(const JsonPath&) {}
};

/// BadData: not JSON, not a whole object, or deeper than anything that is read here.
Status walk_json(std::string_view text, JsonVisitor& visitor);

/// The members of an object as they are written, in one pass that is ten times as fast: values are only found to end. In the place of a
/// member called `open`, if that is an object, come its own members, with its name as their parent; other parents are "". BadData: not a
/// whole object.
Status each_json_member(std::string_view text, std::string_view open,
                        const std::function<void(std::string_view parent, std::string_view key, std::string_view value)>& take);

}  // namespace synfate::inventory
