// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// libFuzzer's entry for one target: SYNFATE_FUZZ_TARGET in the environment is a name in targets.hpp.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <span>

#include "targets.hpp"

namespace {

const synfate::fuzz::Target& wanted() {
  const char* name = std::getenv("SYNFATE_FUZZ_TARGET");
  const synfate::fuzz::Target* target = name == nullptr ? nullptr : synfate::fuzz::find_target(name);
  if (target != nullptr) return *target;
  std::fputs("SYNFATE_FUZZ_TARGET names no target\n", stderr);
  std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const synfate::fuzz::Target& target = wanted();
  target.run(std::as_bytes(std::span(data, size)));
  return 0;
}
