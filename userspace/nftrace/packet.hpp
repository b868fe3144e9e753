// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// The flow and the sequence number of a traced packet, from copies of its headers. Believes no length in them.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "model/address.hpp"

namespace synfate::nftrace {

using Bytes = std::span<const std::uint8_t>;

struct Packet {
  model::Flow flow;
  std::uint32_t sequence = 0;
  bool is_syn = false;  ///< SYN without ACK: then `sequence` is the client's ISN
};

/// The two headers as an nf_tables trace message has them: apart, and each cut where the kernel cuts it.
std::optional<Packet> parse_headers(Bytes network, Bytes transport);
/// A packet from its network header on, as NFLOG copies it.
std::optional<Packet> parse_packet(Bytes packet);

}  // namespace synfate::nftrace
