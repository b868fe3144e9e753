// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Small words that several rows of text share. Private to render.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/time.hpp"
#include "render/layout.hpp"

namespace synfate::render {

/// "3.0 s"
std::string seconds_text(DurationNs duration);
/// "1 event", "2 events"
std::string count_text(std::uint64_t number, std::string_view noun);
/// "12,345"
std::string grouped(std::uint64_t number);
/// A phrase of untrusted text.
Phrase phrase_of(std::string_view untrusted);
/// Adds an item that is not empty, with the separator if it is not the first.
void append_joined(std::string& list, std::string_view item, std::string_view separator);

}  // namespace synfate::render
