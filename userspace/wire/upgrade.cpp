// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "wire/upgrade.hpp"

#include <array>
#include <span>

#include "synfate/wire.h"

namespace synfate::wire {
namespace {

using Step = Status (*)(std::vector<std::byte>& record);

/// kSteps[n] brings version n + 1 to version n + 2. Whoever bumps WIRE_VERSION adds a step, or the array does not match its length.
constexpr std::array<Step, 0> kSteps{};
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
