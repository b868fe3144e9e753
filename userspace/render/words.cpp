// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// The shared words of text rows.
#include "render/words.hpp"

#include <cstdio>

#include "render/labels.hpp"

namespace synfate::render {

std::string seconds_text(DurationNs duration) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f s", static_cast<double>(duration) / static_cast<double>(kSecond));
  return text;
}

std::string count_text(std::uint64_t number, std::string_view noun) {
  return std::to_string(number).append(" ").append(noun).append(number == 1 ? "" : "s");
}

std::string grouped(std::uint64_t number) {
  std::string text = std::to_string(number);
  for (std::size_t at = text.size(); at > 3; at -= 3) text.insert(at - 3, ",");
  return text;
}

Phrase phrase_of(std::string_view untrusted) {
  Phrase phrase;
  phrase.words(clean(untrusted));
  return phrase;
}

void append_joined(std::string& list, std::string_view item, std::string_view separator) {
  if (item.empty()) return;
  if (!list.empty()) list += separator;
  list += item;
}

}  // namespace synfate::render
