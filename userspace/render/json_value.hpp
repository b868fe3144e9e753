// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// JSON values that cannot be invalid: every string is cleaned on its way in. Private to render.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "model/inventory.hpp"

namespace synfate::render {

/// Keys stay in the order in which they are written, so that lines read alike.
using Json = nlohmann::ordered_json;

/// A string, or null when it is empty.
Json text_or_null(std::string_view untrusted);
/// The same with its line breaks kept (as escapes).
Json lines_or_null(std::string_view untrusted);
/// A number, or null when it is zero.
Json number_or_null(std::uint64_t number);
template <class Number>
Json number_or_null(const std::optional<Number>& number) {
  return number ? Json(*number) : Json(nullptr);
}
Json gap_json(const model::Gap& gap);
/// Seconds, to the millisecond.
double seconds_of(std::uint64_t duration_ns);

/// {"type":type,"v":1}
Json typed(std::string_view type);
/// One line with its newline; never throws on bad text.
std::string json_line(const Json& object);

}  // namespace synfate::render
