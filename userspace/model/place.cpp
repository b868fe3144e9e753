// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "model/place.hpp"

namespace synfate::model {

std::string_view to_string(DeviceKind kind) {
  switch (kind) {
    case DeviceKind::Unknown: return "unknown";
    case DeviceKind::Physical: return "physical";
    case DeviceKind::Loopback: return "loopback";
    case DeviceKind::Veth: return "veth";
    case DeviceKind::Bridge: return "bridge";
    case DeviceKind::Tun: return "tun";
    case DeviceKind::Vxlan: return "vxlan";
    case DeviceKind::Geneve: return "geneve";
    case DeviceKind::Ipip: return "ipip";
    case DeviceKind::Gre: return "gre";
    case DeviceKind::Wireguard: return "wireguard";
    case DeviceKind::Vlan: return "vlan";
    case DeviceKind::Macvlan: return "macvlan";
    case DeviceKind::Ipvlan: return "ipvlan";
    case DeviceKind::Dummy: return "dummy";
    case DeviceKind::Ifb: return "ifb";
    case DeviceKind::Vrf: return "vrf";
    case DeviceKind::Bond: return "bond";
    case DeviceKind::Netkit: return "netkit";
  }
  return "unknown";
}

}  // namespace synfate::model
