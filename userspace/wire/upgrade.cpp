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

/// kSteps[n] brings version n + 1 to version n + 2. Whoever bumps WIRE_VERSION adds a step, or the array does not match its length.
constexpr std::array<Step, 2> kSteps{from_version_1, from_version_2};
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
