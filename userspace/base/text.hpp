// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Text from outside made harmless, and small string helpers that the standard library of C++20 lacks.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace synfate {

/// Valid UTF-8 without control characters (C0, DEL, C1, bidirectional overrides, line separators): each becomes '?'. Cut to at most
/// max_bytes at a character's edge. Everything that came from a packet, a pod, a rule or a recording goes through here before a terminal.
std::string printable(std::string_view untrusted, std::size_t max_bytes = 4096);

std::vector<std::string_view> split(std::string_view text, char separator);
std::string_view trim(std::string_view text);
/// Decimal, whole string; nothing otherwise.
std::optional<std::uint64_t> parse_number(std::string_view text);

}  // namespace synfate
