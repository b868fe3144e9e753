// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// How many sources a crowd has, from the registers that the kernel side fills.
#include "probe/crowds.hpp"

#include <doctest/doctest.h>

#include <array>
#include <bit>
#include <random>

using namespace synfate;

TEST_CASE("an estimate is near the truth, whether few or many were counted") {
  std::mt19937_64 random(6);  // the same numbers on every machine
  for (const std::uint64_t truth : {0, 1, 3, 50, 250, 5000, 200000}) {
    std::array<std::uint8_t, 128> registers{};
    for (std::uint64_t i = 0; i < truth; ++i) {
      // As bpf/crowds.h does it.
      const std::uint64_t hash = random();
      auto& one = registers.at(hash % registers.size());
      one = std::max<std::uint8_t>(one, static_cast<std::uint8_t>(std::countl_zero(hash) + 1));
    }
    const auto told = static_cast<double>(probe::estimate(registers));
    CHECK(told >= 0.75 * static_cast<double>(truth));
    CHECK(told <= 1.25 * static_cast<double>(truth));
  }
}
