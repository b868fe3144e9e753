// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "wire/foreign.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <string_view>

#include "base/text.hpp"

namespace synfate::wire {
namespace {

using namespace std::string_view_literals;

struct Signature {
  std::string_view bytes;
  std::string_view name;
};

constexpr std::array kSignatures{
    Signature{"\x1f\x8b"sv, "gzip data (unpack it first: zcat)"},
    Signature{"\x28\xb5\x2f\xfd"sv, "zstd data (unpack it first: zstdcat)"},
    Signature{"\xfd"
              "7zXZ\0"sv,
              "xz data (unpack it first: xzcat)"},
    Signature{"PK\x03\x04"sv, "a zip archive"},
    Signature{"\xd4\xc3\xb2\xa1"sv, "a pcap capture"},
    Signature{"\xa1\xb2\xc3\xd4"sv, "a pcap capture"},
    Signature{"\x4d\x3c\xb2\xa1"sv, "a pcap capture"},
    Signature{"\xa1\xb2\x3c\x4d"sv, "a pcap capture"},
    Signature{"\x0a\x0d\x0d\x0a"sv, "a pcapng capture"},
    Signature{"\x7f"
              "ELF"sv,
              "an ELF program"},
    Signature{"{\"type\":"sv, "synfate's JSON output: it cannot be replayed, only recordings can"},
};

}  // namespace

std::string what_it_is(std::span<const std::byte> beginning) {
  if (beginning.empty()) return "an empty file";
  std::string bytes;
  std::transform(beginning.begin(), beginning.end(), std::back_inserter(bytes), [](std::byte b) { return static_cast<char>(b); });
  for (const Signature& signature : kSignatures) {
    if (bytes.starts_with(signature.bytes)) return std::string(signature.name);
  }
  const bool text =
      std::all_of(bytes.begin(), bytes.end(), [](char c) { return (c >= 0x20 && c < 0x7f) || c == '\n' || c == '\r' || c == '\t'; });
  if (text) return "text that begins with \"" + printable(trim(bytes), 24) + "\"";
  std::string shown = "data that begins with";
  for (const std::byte byte : beginning.first(std::min<std::size_t>(beginning.size(), 4))) {
    char hex[4];
    std::snprintf(hex, sizeof hex, " %02x", std::to_integer<unsigned>(byte));
    shown += hex;
  }
  return shown;
}

}  // namespace synfate::wire
