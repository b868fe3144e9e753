// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "wire/upgrade.hpp"

#include <array>
#include <cstring>
#include <span>

#include "synfate/wire.h"

namespace synfate::wire {
namespace {

using Step = Status (*)(std::vector<std::byte>& record);

/// Records of a kind that got fields at their end: zero, which is to say not known, in an older one. Others are left as they are.
Status lengthen(std::vector<std::byte>& record, std::uint32_t kind, std::size_t old_bytes, std::size_t new_bytes) {
  wire_header header;
  if (record.size() < sizeof header) return Ok{};
  std::memcpy(&header, record.data(), sizeof header);
  if (header.kind != kind || record.size() != old_bytes || header.size != old_bytes) return Ok{};
  record.resize(new_bytes);
  header.size = static_cast<decltype(header.size)>(new_bytes);
  std::memcpy(record.data(), &header, sizeof header);
  return Ok{};
}

/// Version 2 added who was running to a drop.
Status from_version_1(std::vector<std::byte>& record) {
  static_assert(offsetof(wire_drop, context_tgid) == sizeof(wire_drop) - 24);
  return lengthen(record, WIRE_KIND_DROP, offsetof(wire_drop, context_tgid), sizeof(wire_drop));
}

/// Version 3 added the generation of the ruleset to a verdict.
Status from_version_2(std::vector<std::byte>& record) {
  static_assert(offsetof(wire_verdict, ruleset) == sizeof(wire_verdict) - 8);
  return lengthen(record, WIRE_KIND_VERDICT, offsetof(wire_verdict, ruleset), sizeof(wire_verdict));
}

/// Version 4 added kinds of records and a counter; the records of before are what they were.
Status from_version_3(std::vector<std::byte>&) { return Ok{}; }

/// Version 5 added what the client's socket was told to a flight record, in front of the process's name.
Status from_version_4(std::vector<std::byte>& record) {
  constexpr std::size_t kNewBytes = offsetof(wire_attempt, comm) - offsetof(wire_attempt, user_timeout_ms);
  static_assert(kNewBytes == 8);
  wire_header header;
  if (record.size() < offsetof(wire_attempt, comm) || record.size() >= sizeof(wire_attempt)) return Ok{};
  std::memcpy(&header, record.data(), sizeof header);
  if (header.kind != WIRE_KIND_ATTEMPT || header.size != record.size()) return Ok{};
  record.insert(record.begin() + offsetof(wire_attempt, user_timeout_ms), kNewBytes, std::byte{0});
  header.size = static_cast<decltype(header.size)>(record.size());
  std::memcpy(record.data(), &header, sizeof header);
  return Ok{};
}

/// Version 6 added a kind of record.
Status from_version_5(std::vector<std::byte>&) { return Ok{}; }

/// Version 7 added a counter, an event of packets, and a kind of record that is in no recording.
Status from_version_6(std::vector<std::byte>&) { return Ok{}; }

/// kSteps[n] brings version n + 1 to version n + 2. Whoever bumps WIRE_VERSION adds a step, or the array does not match its length.
constexpr std::array<Step, 6> kSteps{from_version_1, from_version_2, from_version_3, from_version_4, from_version_5, from_version_6};
static_assert(kSteps.size() + 1 == WIRE_VERSION, "a new wire version needs the function that upgrades the one before it");

}  // namespace

Status upgrade_record(std::vector<std::byte>& record, std::uint32_t from_version) {
  const std::span<const Step> steps(kSteps);
  for (std::size_t step = from_version - 1; step < steps.size(); ++step) {
    if (Status done = steps[step](record); !done) return done;
  }
  return Ok{};
}

}  // namespace synfate::wire
