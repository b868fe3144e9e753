// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// SYNs to one destination that came too fast to be followed, or failed too fast to be told one by one: counted only.
#pragma once

#include <cstdint>
#include <string>

#include "model/address.hpp"

namespace synfate::model {

struct Crowd {
  Endpoint to;  ///< as it was seen first; family 0: all destinations that found no place of their own
  std::uint64_t syns = 0;
  std::uint64_t dropped = 0;  ///< of them, as far as it was seen
  std::uint64_t reset = 0;
  std::uint64_t refused = 0;  ///< by a listener, in silence
  std::uint64_t sources = 0;  ///< addresses, estimated
  std::string reason;         ///< the kernel's, of all that were dropped; empty: not one, or it has none
};

}  // namespace synfate::model
