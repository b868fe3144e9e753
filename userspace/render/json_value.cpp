// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Cleaning on the way into JSON.
#include "render/json_value.hpp"

#include "base/text.hpp"
#include "render/labels.hpp"

namespace synfate::render {

Json text_or_null(std::string_view untrusted) { return untrusted.empty() ? Json(nullptr) : Json(clean(untrusted)); }

Json lines_or_null(std::string_view untrusted) {
  if (untrusted.empty()) return nullptr;
  constexpr std::size_t kMaxBytes = 16384;
  const bool cut = untrusted.size() > kMaxBytes;
  std::string lines;
  for (const std::string_view line : split(untrusted.substr(0, kMaxBytes), '\n')) {
    if (!lines.empty()) lines += '\n';
    lines += printable(line, kMaxBytes);
  }
  return cut ? lines + "…" : lines;
}

Json number_or_null(std::uint64_t number) { return number == 0 ? Json(nullptr) : Json(number); }

Json gap_json(const model::Gap& gap) { return {{"code", clean(gap.code)}, {"text", clean(gap.text)}}; }

double seconds_of(std::uint64_t duration_ns) {
  const std::uint64_t milliseconds = duration_ns / 1'000'000;
  return static_cast<double>(milliseconds) / 1000.0;
}

Json typed(std::string_view type) {
  Json object;
  object["type"] = type;
  object["v"] = 1;
  return object;
}

std::string json_line(const Json& object) { return object.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n"; }

}  // namespace synfate::render
