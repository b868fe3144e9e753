// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "inventory/tracked_flow.hpp"

#include <endian.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netlink.h>
#include <netinet/in.h>

#include <cstring>

#include "inventory/attributes.hpp"

namespace synfate::inventory {
namespace {

constexpr std::size_t kMaxEntryBytes = 64U << 10U;
constexpr std::uint8_t kTcp = 6;

constexpr std::uint16_t message_type(int type) { return static_cast<std::uint16_t>(NFNL_SUBSYS_CTNETLINK << 8 | type); }
constexpr std::uint16_t nest(int type) { return static_cast<std::uint16_t>(type | NLA_F_NESTED); }

std::string_view raw(const model::IpAddress& address) {
  return {reinterpret_cast<const char*>(address.bytes.data()), address.family == 6 ? 16U : 4U};
}

void append_port(std::string& bytes, int type, std::uint16_t port) {
  const std::uint16_t big = htobe16(port);
  append_attribute(bytes, static_cast<std::uint16_t>(type), {reinterpret_cast<const char*>(&big), sizeof big});
}

std::string tuple_of(const model::Flow& flow) {
  const bool ipv6 = flow.family() == 6;
  std::string addresses;
  append_attribute(addresses, ipv6 ? CTA_IP_V6_SRC : CTA_IP_V4_SRC, raw(flow.src.address));
  append_attribute(addresses, ipv6 ? CTA_IP_V6_DST : CTA_IP_V4_DST, raw(flow.dst.address));
  std::string protocol;
  append_attribute(protocol, CTA_PROTO_NUM, {reinterpret_cast<const char*>(&kTcp), sizeof kTcp});
  append_port(protocol, CTA_PROTO_SRC_PORT, flow.src.port);
  append_port(protocol, CTA_PROTO_DST_PORT, flow.dst.port);
  std::string tuple;
  append_attribute(tuple, nest(CTA_TUPLE_IP), addresses);
  append_attribute(tuple, nest(CTA_TUPLE_PROTO), protocol);
  return tuple;
}

std::optional<model::IpAddress> address_in(std::string_view bytes) {
  if (bytes.size() != 4 && bytes.size() != 16) return std::nullopt;
  model::IpAddress address;
  address.family = bytes.size() == 4 ? 4 : 6;
  std::memcpy(address.bytes.data(), bytes.data(), bytes.size());
  return address;
}

std::optional<std::uint16_t> port_in(std::string_view bytes) {
  std::uint16_t port = 0;
  if (bytes.size() != sizeof port) return std::nullopt;
  std::memcpy(&port, bytes.data(), sizeof port);
  return be16toh(port);
}

std::optional<model::Flow> flow_in(const Attributes& tuple) {
  const Attributes addresses = tuple.nested(CTA_TUPLE_IP);
  const Attributes protocol = tuple.nested(CTA_TUPLE_PROTO);
  const bool ipv6 = addresses.has(CTA_IP_V6_SRC);
  const auto src = address_in(addresses.bytes(ipv6 ? CTA_IP_V6_SRC : CTA_IP_V4_SRC));
  const auto dst = address_in(addresses.bytes(ipv6 ? CTA_IP_V6_DST : CTA_IP_V4_DST));
  const auto sport = port_in(protocol.bytes(CTA_PROTO_SRC_PORT));
  const auto dport = port_in(protocol.bytes(CTA_PROTO_DST_PORT));
  if (!src || !dst || !sport || !dport || protocol.u8(CTA_PROTO_NUM) != kTcp) return std::nullopt;
  return model::Flow{{*src, *sport}, {*dst, *dport}};
}

}  // namespace

machine::NetlinkRequest tracked_request(const model::Flow& original) {
  nfgenmsg header{};
  header.nfgen_family = original.family() == 6 ? AF_INET6 : AF_INET;
  header.version = NFNETLINK_V0;
  machine::NetlinkRequest request{NETLINK_NETFILTER, message_type(IPCTNL_MSG_CT_GET), body_of(header), true};
  append_attribute(request.body, nest(CTA_TUPLE_ORIG), tuple_of(original));
  return request;
}

std::optional<model::TrackedFlow> decode_tracked(std::string_view message, const model::Flow& original) {
  nlmsghdr header{};
  constexpr std::size_t kFixed = sizeof header + sizeof(nfgenmsg);
  if (message.size() < kFixed) return std::nullopt;
  std::memcpy(&header, message.data(), sizeof header);
  if (header.nlmsg_len > message.size() || header.nlmsg_len < kFixed) return std::nullopt;
  if (header.nlmsg_type != message_type(IPCTNL_MSG_CT_NEW)) return std::nullopt;
  const Attributes attributes{message.substr(kFixed, header.nlmsg_len - kFixed)};
  const auto first = flow_in(attributes.nested(CTA_TUPLE_ORIG));
  auto reply = flow_in(attributes.nested(CTA_TUPLE_REPLY));
  // Asked for by the addresses of its answers, the kernel gives the same entry: then this is not how the connection came in.
  if (!first || *first != original || !reply) return std::nullopt;
  return model::TrackedFlow{original, reply};
}

std::optional<model::TrackedFlow> read_tracked_flow(machine::NetnsVisit& visit, const model::Flow& original) {
  std::optional<model::TrackedFlow> found;
  const auto asked = visit.netlink_each(tracked_request(original), kMaxEntryBytes, [&](std::string_view message) {
    if (auto entry = decode_tracked(message, original)) found = entry;
  });
  if (!asked && asked.error().kind != ErrorKind::Gone) return std::nullopt;
  return found ? found : model::TrackedFlow{original, std::nullopt};
}

}  // namespace synfate::inventory
