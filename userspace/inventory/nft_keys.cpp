// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "inventory/nft_keys.hpp"

#include <endian.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>

#include "inventory/attributes.hpp"

namespace synfate::inventory {
namespace {

constexpr std::size_t kWordBytes = 4;
constexpr std::size_t kWords = 16;
constexpr std::size_t kDeviceBytes = 16;

/// Expressions that write no register.
constexpr std::array<std::string_view, 12> kHarmless{"cmp",   "range",  "counter", "limit",     "log",  "quota",
                                                     "match", "objref", "notrack", "connlimit", "last", "dynset"};

std::string_view ip_bytes(const model::IpAddress& address) {
  return {reinterpret_cast<const char*>(address.bytes.data()), address.family == 4 ? 4U : 16U};
}

std::string port_bytes(std::uint16_t port) { return {static_cast<char>(port >> 8U), static_cast<char>(port & 0xffU)}; }

struct Field {
  KeyKind kind;
  std::uint32_t base;
  std::uint32_t offset;
  std::string bytes;
};

std::vector<Field> packet_fields(const NftPacket& packet) {
  std::vector<Field> fields;
  const auto& flow = packet.flow;
  if (flow.family() == 4) {
    fields.push_back({KeyKind::Protocol, NFT_PAYLOAD_NETWORK_HEADER, 9, std::string(1, IPPROTO_TCP)});
    fields.push_back({KeyKind::Ipv4, NFT_PAYLOAD_NETWORK_HEADER, 12, std::string{ip_bytes(flow.src.address)}});
    fields.push_back({KeyKind::Ipv4, NFT_PAYLOAD_NETWORK_HEADER, 16, std::string{ip_bytes(flow.dst.address)}});
  } else if (flow.family() == 6) {
    fields.push_back({KeyKind::Ipv6, NFT_PAYLOAD_NETWORK_HEADER, 8, std::string{ip_bytes(flow.src.address)}});
    fields.push_back({KeyKind::Ipv6, NFT_PAYLOAD_NETWORK_HEADER, 24, std::string{ip_bytes(flow.dst.address)}});
  }
  if (flow.family() != 0) {
    fields.push_back({KeyKind::Port, NFT_PAYLOAD_TRANSPORT_HEADER, 0, port_bytes(flow.src.port)});
    fields.push_back({KeyKind::Port, NFT_PAYLOAD_TRANSPORT_HEADER, 2, port_bytes(flow.dst.port)});
  }
  return fields;
}

/// The registers of nf_tables: sixteen words, each with what was loaded into it last.
class Registers {
 public:
  /// Numbers 1 to 4 are whole rows of four words, 8 and above single ones.
  static std::optional<std::size_t> word(std::optional<std::uint32_t> number) {
    if (!number) return std::nullopt;
    if (*number >= NFT_REG_1 && *number <= NFT_REG_4) return (*number - NFT_REG_1) * 4;
    if (*number >= NFT_REG32_00 && *number - NFT_REG32_00 < kWords) return *number - NFT_REG32_00;
    return std::nullopt;
  }

  void forget_all() { loads_.clear(); }

  void load(std::optional<std::size_t> at, KeyKind kind, std::string bytes) {
    if (!at) return;
    const std::size_t end = *at + (bytes.size() + kWordBytes - 1) / kWordBytes;
    std::erase_if(loads_, [&](const Load& each) { return each.word < end && each.end() > *at; });
    if (end <= kWords) loads_.push_back({*at, kind, std::move(bytes)});
  }

  /// The one load that began there, if it was of that size.
  const std::string* loaded(std::optional<std::size_t> at, std::size_t size, KeyKind& kind) const {
    for (const Load& each : loads_) {
      if (at && each.word == *at && each.bytes.size() == size) {
        kind = each.kind;
        return &each.bytes;
      }
    }
    return nullptr;
  }

  void row_from(std::optional<std::size_t> at, NftLookup& lookup) const {
    for (bool found = at.has_value(); found;) {
      found = false;
      for (const Load& each : loads_) {
        if (each.word != *at) continue;
        lookup.parts.push_back({each.kind, lookup.key.size(), each.bytes.size()});
        lookup.key += each.bytes;
        lookup.key.resize((lookup.key.size() + kWordBytes - 1) / kWordBytes * kWordBytes);
        at = each.end();
        found = true;
        break;
      }
    }
    lookup.known = !lookup.parts.empty();
  }

 private:
  struct Load {
    std::size_t word;
    KeyKind kind;
    std::string bytes;
    std::size_t end() const { return word + (bytes.size() + kWordBytes - 1) / kWordBytes; }
  };
  std::vector<Load> loads_;
};

std::optional<std::uint32_t> big32(const Attributes& attributes, std::uint16_t type) {
  const auto value = attributes.u32(type);
  return value ? std::optional{be32toh(*value)} : std::nullopt;
}

void load_payload(const Attributes& payload, const std::vector<Field>& fields, Registers& registers) {
  const auto at = Registers::word(big32(payload, NFTA_PAYLOAD_DREG));
  const auto base = big32(payload, NFTA_PAYLOAD_BASE);
  auto offset = big32(payload, NFTA_PAYLOAD_OFFSET).value_or(0);
  auto left = big32(payload, NFTA_PAYLOAD_LEN).value_or(0);
  if (!at) return registers.forget_all();
  // nft loads neighbours, as source and destination are, in one go.
  std::vector<const Field*> covered;
  while (left != 0) {
    const auto field = std::find_if(fields.begin(), fields.end(), [&](const Field& each) {
      return base == each.base && each.offset == offset && each.bytes.size() <= left;
    });
    if (field == fields.end()) return registers.forget_all();
    covered.push_back(&*field);
    offset += static_cast<std::uint32_t>(field->bytes.size());
    left -= static_cast<std::uint32_t>(field->bytes.size());
  }
  std::size_t word = *at;
  for (const Field* field : covered) {
    if (covered.size() > 1 && field->bytes.size() % kWordBytes != 0) return registers.forget_all();
    registers.load(word, field->kind, field->bytes);
    word += (field->bytes.size() + kWordBytes - 1) / kWordBytes;
  }
}

std::string device_bytes(const std::string& name) {
  std::string bytes = name.substr(0, kDeviceBytes - 1);
  bytes.resize(kDeviceBytes);
  return bytes;
}

void load_meta(const Attributes& meta, const NftPacket& packet, Registers& registers) {
  if (!meta.has(NFTA_META_DREG)) return;
  const auto at = Registers::word(big32(meta, NFTA_META_DREG));
  const std::uint8_t family = packet.flow.family();
  const auto key = big32(meta, NFTA_META_KEY);
  if (!at || !key || family == 0) return registers.forget_all();
  switch (*key) {
    case NFT_META_L4PROTO: return registers.load(at, KeyKind::Protocol, std::string(1, IPPROTO_TCP));
    case NFT_META_NFPROTO: {
      // Of a bridge or a device it is the table's own.
      const bool inet = packet.table_family == NFPROTO_INET || packet.table_family == NFPROTO_IPV4 || packet.table_family == NFPROTO_IPV6;
      if (!inet) return registers.forget_all();
      return registers.load(at, KeyKind::Family, std::string(1, family == 4 ? NFPROTO_IPV4 : NFPROTO_IPV6));
    }
    case NFT_META_PROTOCOL: return registers.load(at, KeyKind::EtherType, port_bytes(family == 4 ? ETH_P_IP : ETH_P_IPV6));
    case NFT_META_IIFNAME:
      if (packet.in_device.empty()) return registers.forget_all();
      return registers.load(at, KeyKind::Device, device_bytes(packet.in_device));
    case NFT_META_OIFNAME:
      if (packet.out_device.empty()) return registers.forget_all();
      return registers.load(at, KeyKind::Device, device_bytes(packet.out_device));
    default: return registers.forget_all();
  }
}

/// `ip saddr & 255.255.255.0`
void mask(const Attributes& bitwise, Registers& registers) {
  const auto from = Registers::word(big32(bitwise, NFTA_BITWISE_SREG));
  const auto to = Registers::word(big32(bitwise, NFTA_BITWISE_DREG));
  const std::size_t size = big32(bitwise, NFTA_BITWISE_LEN).value_or(0);
  const std::string_view and_bits = bitwise.nested(NFTA_BITWISE_MASK).bytes(NFTA_DATA_VALUE);
  const std::string_view xor_bits = bitwise.nested(NFTA_BITWISE_XOR).bytes(NFTA_DATA_VALUE);
  KeyKind kind{};
  const std::string* bytes = registers.loaded(from, size, kind);
  const bool plain = !bitwise.has(NFTA_BITWISE_OP) || big32(bitwise, NFTA_BITWISE_OP) == std::uint32_t{NFT_BITWISE_BOOL};
  if (!to || !plain || bytes == nullptr || and_bits.size() != size || xor_bits.size() != size) return registers.forget_all();
  std::string masked = *bytes;
  for (std::size_t i = 0; i < size; ++i) masked[i] = static_cast<char>((masked[i] & and_bits[i]) ^ xor_bits[i]);
  registers.load(to, kind, masked);
}

NftLookup look_up(const Attributes& attributes, const Registers& registers) {
  NftLookup lookup;
  lookup.set = attributes.text(NFTA_LOOKUP_SET, 256);
  lookup.inverted = (big32(attributes, NFTA_LOOKUP_FLAGS).value_or(0) & NFT_LOOKUP_F_INV) != 0;
  lookup.gives_verdict = big32(attributes, NFTA_LOOKUP_DREG) == std::uint32_t{NFT_REG_VERDICT};
  registers.row_from(Registers::word(big32(attributes, NFTA_LOOKUP_SREG)), lookup);
  return lookup;
}

}  // namespace

std::vector<NftLookup> lookups_of(const NftRule& rule, const NftPacket& packet) {
  const std::vector<Field> fields = packet_fields(packet);
  Registers registers;
  std::vector<NftLookup> lookups;
  for (const NftExpression& expression : rule.expressions) {
    const Attributes attributes{std::string_view{expression.data}};
    if (expression.name == "payload") {
      if (attributes.has(NFTA_PAYLOAD_DREG)) load_payload(attributes, fields, registers);
    } else if (expression.name == "meta") {
      load_meta(attributes, packet, registers);
    } else if (expression.name == "bitwise") {
      mask(attributes, registers);
    } else if (expression.name == "lookup") {
      lookups.push_back(look_up(attributes, registers));
      if (attributes.has(NFTA_LOOKUP_DREG) && !lookups.back().gives_verdict) registers.forget_all();
    } else if (expression.name == "immediate" && immediate_verdict(expression)) {
      continue;
    } else if (std::find(kHarmless.begin(), kHarmless.end(), expression.name) == kHarmless.end()) {
      registers.forget_all();
    }
  }
  return lookups;
}

std::string key_part_text(KeyKind kind, std::string_view bytes) {
  const auto byte = [&](std::size_t i) { return i < bytes.size() ? static_cast<unsigned char>(bytes[i]) : 0U; };
  const unsigned number16 = byte(0) << 8U | byte(1);
  switch (kind) {
    case KeyKind::Ipv4:
    case KeyKind::Ipv6: {
      model::IpAddress address;
      address.family = kind == KeyKind::Ipv4 ? 4 : 6;
      std::copy_n(bytes.begin(), std::min(bytes.size(), address.bytes.size()), address.bytes.begin());
      return to_string(address);
    }
    case KeyKind::Port: return std::to_string(number16);
    case KeyKind::Protocol: return byte(0) == IPPROTO_TCP ? "tcp" : std::to_string(byte(0));
    case KeyKind::Family: return byte(0) == NFPROTO_IPV4 ? "ipv4" : byte(0) == NFPROTO_IPV6 ? "ipv6" : std::to_string(byte(0));
    case KeyKind::EtherType: return number16 == ETH_P_IP ? "ip" : number16 == ETH_P_IPV6 ? "ip6" : std::to_string(number16);
    case KeyKind::Device: return '"' + std::string{bytes.substr(0, bytes.find('\0'))} + '"';
  }
  return {};
}

}  // namespace synfate::inventory
