// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// What a rule asks its sets and maps about a packet: the loads before each look-up, followed as far as the packet is known. A byte that is
// not known makes the key unknown; nothing is guessed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "inventory/nft_objects.hpp"
#include "model/address.hpp"

namespace synfate::inventory {

/// A TCP packet, as far as it is known; an empty device name is not known.
struct NftPacket {
  std::uint8_t table_family = 0;  ///< NFPROTO_*
  model::Flow flow;
  std::string in_device;
  std::string out_device;
};

enum class KeyKind : std::uint8_t { Ipv4, Ipv6, Port, Protocol, Family, EtherType, Device };

/// A part of a concatenation; the kernel pads each to four bytes.
struct KeyPart {
  KeyKind kind = KeyKind::Port;
  std::size_t offset = 0;
  std::size_t size = 0;
};

struct NftLookup {
  std::string set;
  bool inverted = false;
  bool gives_verdict = false;
  bool known = false;  ///< of key and parts
  std::string key;     ///< from the first register to the end of what was loaded in a row
  std::vector<KeyPart> parts;
};

std::vector<NftLookup> lookups_of(const NftRule& rule, const NftPacket& packet);

/// "10.0.0.1", "80", "tcp", "eth0"
std::string key_part_text(KeyKind kind, std::string_view bytes);

}  // namespace synfate::inventory
