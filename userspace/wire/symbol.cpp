// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "wire/symbol.hpp"

#include <algorithm>
#include <charconv>
#include <optional>

namespace synfate::wire {
namespace {

bool is_name(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.' || c == '$' || c == '-';
  });
}

std::optional<std::uint32_t> hexadecimal(std::string_view text) {
  if (!text.starts_with("0x")) return std::nullopt;
  text.remove_prefix(2);
  std::uint32_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, 16);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

/// "nf_tables" of " [nf_tables]" or of " [nf_tables 0123abcd]" (with a build id); "" of ""; nothing of anything else.
std::optional<std::string_view> module_of(std::string_view tail) {
  if (tail.empty()) return tail;
  if (!tail.starts_with(" [") || !tail.ends_with("]")) return std::nullopt;
  tail = tail.substr(2, tail.size() - 3);
  tail = tail.substr(0, tail.find(' '));
  if (!is_name(tail)) return std::nullopt;
  return tail;
}

}  // namespace

model::Symbol parse_symbol(std::string_view rendering, std::uint64_t address, std::size_t capacity) {
  model::Symbol symbol;
  symbol.address = address;
  if (rendering.size() + 1 >= capacity && !rendering.ends_with("]")) return symbol;

  const std::size_t plus = rendering.find('+');
  if (plus == std::string_view::npos) return symbol;
  const std::string_view rest = rendering.substr(plus + 1);
  const std::size_t slash = rest.find('/');
  if (slash == std::string_view::npos) return symbol;
  const std::size_t blank = rest.find(' ', slash);
  const auto offset = hexadecimal(rest.substr(0, slash));
  const auto size = hexadecimal(rest.substr(slash + 1, blank == std::string_view::npos ? blank : blank - slash - 1));
  const auto module = module_of(blank == std::string_view::npos ? std::string_view{} : rest.substr(blank));
  // What a compiler appends (.part.0, .isra.0.cold, .constprop.1, .llvm.123) starts with a dot, and no C identifier has one.
  const std::string_view whole = rendering.substr(0, plus);
  const std::string_view function = whole.substr(0, whole.find('.'));
  if (!offset || !size || !module || !is_name(whole) || function.empty()) return symbol;

  symbol.function = function;
  symbol.offset = *offset;
  symbol.module = *module;
  return symbol;
}

}  // namespace synfate::wire
