// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "wire/upgrade.hpp"

#include <array>
#include <cstring>
#include <span>

#include "synfate/wire.h"

namespace synfate::wire {
namespace {

using Step = Status (*)(std::vector<std::byte>& record);

/// Version 2 added who was running to the end of a drop: nobody known, for an older one.
Status from_version_1(std::vector<std::byte>& record) {
  constexpr std::size_t kOldDropBytes = sizeof(wire_drop) - 24;
  static_assert(offsetof(wire_drop, context_tgid) == kOldDropBytes);
  wire_header header;
  if (record.size() < sizeof header) return Ok{};
  std::memcpy(&header, record.data(), sizeof header);
  if (header.kind != WIRE_KIND_DROP || record.size() != kOldDropBytes || header.size != kOldDropBytes) return Ok{};
  record.resize(sizeof(wire_drop));
  header.size = sizeof(wire_drop);
  std::memcpy(record.data(), &header, sizeof header);
  return Ok{};
}

/// kSteps[n] brings version n + 1 to version n + 2. Whoever bumps WIRE_VERSION adds a step, or the array does not match its length.
constexpr std::array<Step, 1> kSteps{from_version_1};
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
