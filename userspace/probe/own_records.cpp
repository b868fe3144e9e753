// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "probe/own_records.hpp"

#include <cstring>
#include <tuple>

// clang-format off: the kernel's types come first
#include <linux/types.h>

#include "heading.h"
// clang-format on
#include "synfate/wire.h"

namespace synfate::probe {

std::uint32_t kind_of(std::span<const std::byte> record) {
  wire_header header{};
  if (record.size() < sizeof header) return WIRE_KIND_INVALID;
  std::memcpy(&header, record.data(), sizeof header);
  return header.kind;
}

std::optional<Heading> read_heading(std::span<const std::byte> record) {
  heading raw{};
  if (record.size() != sizeof raw) return std::nullopt;
  std::memcpy(&raw, record.data(), sizeof raw);
  Heading result;
  result.netns = raw.netns;
  result.ifindex = raw.ifindex;
  for (const auto& [bytes, port, end] :
       {std::tuple{&raw.flow.saddr, raw.flow.sport, &result.flow.src}, std::tuple{&raw.flow.daddr, raw.flow.dport, &result.flow.dst}}) {
    end->address.family = raw.flow.family;
    std::memcpy(end->address.bytes.data(), *bytes, raw.flow.family == 6 ? 16 : 4);
    end->port = port;
  }
  return result;
}

}  // namespace synfate::probe
