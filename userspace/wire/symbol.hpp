// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// The kernel's own rendering of a code address, taken apart. A rendering that may have been cut names nothing.
#pragma once

#include <cstdint>
#include <string_view>

#include "model/event.hpp"

namespace synfate::wire {

/// "ip_error.part.0+0x1a/0x200", "nft_do_chain+0x3e8/0x5c0 [nf_tables]" (bpf_snprintf's %pB) as function, offset and module, without the
/// compiler's suffixes. Anything else, a bare address included, leaves the function empty. `capacity` is the size of the buffer that the
/// kernel wrote to: a rendering that fills it and is not closed by ']' may have lost its module, so it is not believed.
model::Symbol parse_symbol(std::string_view rendering, std::uint64_t address, std::size_t capacity);

}  // namespace synfate::wire
