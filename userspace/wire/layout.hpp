// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// The pieces that wire records share, copied out of bytes. Private to this room; copies with memcpy, never casts, and believes no number.
#pragma once

#include <cstddef>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

#include "base/result.hpp"
#include "model/event.hpp"
#include "synfate/wire.h"

namespace synfate::wire {

/// A BadData error about one kernel record.
Error bad_record(std::string why);

/// The whole record, if the bytes are exactly that many and its header says so too.
template <class Record>
Result<Record> read_exact(std::span<const std::byte> bytes, std::string_view name) {
  static_assert(std::is_trivially_copyable_v<Record>);
  Record record;
  if (bytes.size() != sizeof record) {
    return bad_record(std::string(name) + " record of " + std::to_string(bytes.size()) + " bytes, expected " +
                      std::to_string(sizeof record));
  }
  std::memcpy(&record, bytes.data(), sizeof record);
  if (record.header.size != sizeof record) {
    return bad_record(std::string(name) + " record of " + std::to_string(sizeof record) + " bytes says that it has " +
                      std::to_string(record.header.size));
  }
  return record;
}

/// Text of a fixed field: up to the first NUL or the end of the field, whichever comes first. Not cleaned.
template <std::size_t N>
std::string field_text(const char (&field)[N]) {
  return std::string(field, strnlen(field, N));
}

Result<model::Leg> to_leg(std::uint32_t leg);
Result<model::HopKind> to_hop_kind(std::uint32_t event);
Result<model::Flow> to_flow(const wire_flow& flow);
Result<model::Place> to_place(const wire_place& place);
/// Family 0 gives no address; the bytes that a family does not use are cleared, so that equal addresses compare equal.
Result<model::IpAddress> to_address(std::uint8_t family, const __u8 (&bytes)[16]);

}  // namespace synfate::wire
