// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "nftrace/packet.hpp"

#include <algorithm>

namespace synfate::nftrace {
namespace {

constexpr std::uint8_t kTcp = 6;
constexpr std::size_t kIpv4Header = 20;
constexpr std::size_t kIpv6Header = 40;
/// Up to and with the flags.
constexpr std::size_t kTcpNeeded = 14;
constexpr std::uint8_t kSyn = 0x02;
constexpr std::uint8_t kAck = 0x10;
/// A SYN with more extension headers than this is nobody's.
constexpr unsigned kMaxExtensions = 8;

std::uint16_t big16(Bytes bytes, std::size_t at) { return static_cast<std::uint16_t>(bytes[at] << 8U | bytes[at + 1]); }

std::uint32_t big32(Bytes bytes, std::size_t at) {
  return static_cast<std::uint32_t>(big16(bytes, at)) << 16U | static_cast<std::uint32_t>(big16(bytes, at + 2));
}

model::IpAddress address(std::uint8_t family, Bytes bytes) {
  model::IpAddress address;
  address.family = family;
  std::copy(bytes.begin(), bytes.end(), address.bytes.begin());
  return address;
}

bool take_addresses(Bytes network, model::Flow& flow) {
  if (network.empty()) return false;
  const unsigned version = network[0] >> 4U;
  if (version == 4 && network.size() >= kIpv4Header) {
    flow.src.address = address(4, network.subspan(12, 4));
    flow.dst.address = address(4, network.subspan(16, 4));
    return true;
  }
  if (version == 6 && network.size() >= kIpv6Header) {
    flow.src.address = address(6, network.subspan(8, 16));
    flow.dst.address = address(6, network.subspan(24, 16));
    return true;
  }
  return false;
}

bool take_tcp(Bytes transport, Packet& packet) {
  if (transport.size() < kTcpNeeded) return false;
  packet.flow.src.port = big16(transport, 0);
  packet.flow.dst.port = big16(transport, 2);
  packet.sequence = big32(transport, 4);
  packet.is_syn = (transport[13] & (kSyn | kAck)) == kSyn;
  return true;
}

/// Where TCP begins, behind what may stand before it.
std::optional<std::size_t> tcp_offset(Bytes packet) {
  if (packet.empty()) return std::nullopt;
  if (packet[0] >> 4U == 4) {
    const std::size_t length = (packet[0] & 0x0fU) * 4U;
    if (packet.size() < kIpv4Header || length < kIpv4Header || packet[9] != kTcp) return std::nullopt;
    // A later fragment has no TCP header.
    if ((big16(packet, 6) & 0x1fffU) != 0) return std::nullopt;
    return length;
  }
  if (packet[0] >> 4U != 6 || packet.size() < kIpv6Header) return std::nullopt;
  std::uint8_t next = packet[6];
  std::size_t at = kIpv6Header;
  for (unsigned i = 0; i < kMaxExtensions && next != kTcp; ++i) {
    const bool extension = next == 0 || next == 43 || next == 60;  // hop-by-hop, routing, destination options
    if (!extension || at + 2 > packet.size()) return std::nullopt;
    next = packet[at];
    at += (packet[at + 1] + 1U) * 8U;
  }
  if (next != kTcp) return std::nullopt;
  return at;
}

}  // namespace

std::optional<Packet> parse_headers(Bytes network, Bytes transport) {
  Packet packet;
  if (!take_addresses(network, packet.flow)) return std::nullopt;
  // Of IPv6 the protocol may stand behind extension headers that are not in the message; the kernel side asked for TCP only.
  if (network[0] >> 4U == 4 && network[9] != kTcp) return std::nullopt;
  if (!take_tcp(transport, packet)) return std::nullopt;
  return packet;
}

std::optional<Packet> parse_packet(Bytes bytes) {
  Packet packet;
  const auto offset = tcp_offset(bytes);
  if (!offset || *offset > bytes.size() || !take_addresses(bytes, packet.flow)) return std::nullopt;
  if (!take_tcp(bytes.subspan(*offset), packet)) return std::nullopt;
  return packet;
}

}  // namespace synfate::nftrace
