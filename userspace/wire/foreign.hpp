// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// What a file is that is not a recording, from its first bytes. Private to this room.
#pragma once

#include <cstddef>
#include <span>
#include <string>

namespace synfate::wire {

/// "gzip data", "a pcap capture", "text that begins with ..."; always something, and clean for a terminal.
std::string what_it_is(std::span<const std::byte> beginning);

}  // namespace synfate::wire
