// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// SHA-256 (FIPS 180-4) and base32 (RFC 4648), by which Kubernetes' programs name their chains: to check a name, never to keep a secret. Of
// its own because no library that synfate is linked with offers it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace synfate::inventory {

std::array<std::uint8_t, 32> sha256(std::string_view bytes);

/// The first characters of base32(sha256(text)); at most 51 of them.
std::string sha256_base32(std::string_view text, std::size_t characters);

}  // namespace synfate::inventory
