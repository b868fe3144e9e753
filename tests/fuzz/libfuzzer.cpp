// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// libFuzzer's entry for one target, chosen when it is compiled: SYNFATE_FUZZ_TARGET is a name in targets.hpp.
#include <cstdint>
#include <cstdlib>
#include <span>

#include "targets.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const synfate::fuzz::Target* const target = synfate::fuzz::find_target(SYNFATE_FUZZ_TARGET);
  if (target == nullptr) std::abort();
  target->run(std::as_bytes(std::span(data, size)));
  return 0;
}
