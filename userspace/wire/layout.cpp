// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "wire/layout.hpp"

#include <algorithm>

namespace synfate::wire {

Error bad_record(std::string why) { return {ErrorKind::BadData, "cannot decode a kernel record", std::move(why), ""}; }

Result<model::Leg> to_leg(std::uint32_t leg) {
  switch (leg) {
    case WIRE_LEG_NONE: return model::Leg::None;
    case WIRE_LEG_SYN: return model::Leg::Syn;
    case WIRE_LEG_SYNACK: return model::Leg::SynAck;
    case WIRE_LEG_ACK: return model::Leg::Ack;
    case WIRE_LEG_RESET: return model::Leg::Reset;
    case WIRE_LEG_CLIENT_RESET: return model::Leg::ClientReset;
    case WIRE_LEG_ICMP: return model::Leg::IcmpError;
    default: return bad_record("leg " + std::to_string(leg) + " is not known");
  }
}

Result<model::HopKind> to_hop_kind(std::uint32_t event) {
  switch (event) {
    case WIRE_PACKET_XMIT:
    case WIRE_PACKET_QUEUE: return model::HopKind::Xmit;
    case WIRE_PACKET_RECEIVE: return model::HopKind::Receive;
    case WIRE_PACKET_ENQUEUE: return model::HopKind::Enqueue;
    default: return bad_record("packet event " + std::to_string(event) + " is not known");
  }
}

Result<model::IpAddress> to_address(std::uint8_t family, const __u8 (&bytes)[16]) {
  model::IpAddress address;
  if (family != 0 && family != 4 && family != 6) return bad_record("address family " + std::to_string(family) + " is neither 4 nor 6");
  address.family = family;
  const std::size_t length = family == 4 ? 4 : (family == 6 ? 16 : 0);
  std::copy_n(bytes, length, address.bytes.begin());
  return address;
}

Result<model::Flow> to_flow(const wire_flow& flow) {
  auto src = to_address(flow.family, flow.saddr);
  if (!src) return std::move(src).error();
  auto dst = to_address(flow.family, flow.daddr);
  if (!dst) return std::move(dst).error();
  return model::Flow{{*src, flow.sport}, {*dst, flow.dport}};
}

namespace {

Result<model::DeviceKind> to_device_kind(std::uint32_t kind) {
  switch (kind) {
    case WIRE_DEVICE_UNKNOWN: return model::DeviceKind::Unknown;
    case WIRE_DEVICE_PHYSICAL: return model::DeviceKind::Physical;
    case WIRE_DEVICE_LOOPBACK: return model::DeviceKind::Loopback;
    case WIRE_DEVICE_VETH: return model::DeviceKind::Veth;
    case WIRE_DEVICE_BRIDGE: return model::DeviceKind::Bridge;
    case WIRE_DEVICE_TUN: return model::DeviceKind::Tun;
    case WIRE_DEVICE_VXLAN: return model::DeviceKind::Vxlan;
    case WIRE_DEVICE_GENEVE: return model::DeviceKind::Geneve;
    case WIRE_DEVICE_IPIP: return model::DeviceKind::Ipip;
    case WIRE_DEVICE_GRE: return model::DeviceKind::Gre;
    case WIRE_DEVICE_WIREGUARD: return model::DeviceKind::Wireguard;
    case WIRE_DEVICE_VLAN: return model::DeviceKind::Vlan;
    case WIRE_DEVICE_MACVLAN: return model::DeviceKind::Macvlan;
    case WIRE_DEVICE_IPVLAN: return model::DeviceKind::Ipvlan;
    case WIRE_DEVICE_DUMMY: return model::DeviceKind::Dummy;
    case WIRE_DEVICE_IFB: return model::DeviceKind::Ifb;
    case WIRE_DEVICE_VRF: return model::DeviceKind::Vrf;
    case WIRE_DEVICE_BOND: return model::DeviceKind::Bond;
    case WIRE_DEVICE_NETKIT: return model::DeviceKind::Netkit;
    default: return bad_record("device kind " + std::to_string(kind) + " is not known");
  }
}

}  // namespace

Result<model::Place> to_place(const wire_place& place) {
  auto kind = to_device_kind(place.device_kind);
  if (!kind) return std::move(kind).error();
  return model::Place{place.netns, place.ifindex, *kind, field_text(place.device)};
}

}  // namespace synfate::wire
