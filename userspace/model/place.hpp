// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Where on the machine: a network namespace and a device in it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace synfate::model {

/// An inode number of /proc/PID/ns/net; 0 is "unknown".
using NetnsId = std::uint32_t;

enum class DeviceKind : std::uint8_t {
  Unknown,
  Physical,
  Loopback,
  Veth,
  Bridge,
  Tun,
  Vxlan,
  Geneve,
  Ipip,
  Gre,
  Wireguard,
  Vlan,
  Macvlan,
  Ipvlan,
  Dummy,
  Ifb,
  Vrf,
  Bond,
  Netkit,
};

std::string_view to_string(DeviceKind kind);

struct Place {
  NetnsId netns = 0;
  std::uint32_t ifindex = 0;  ///< 0: no device
  DeviceKind kind = DeviceKind::Unknown;
  std::string device;  ///< untrusted

  bool same_device(const Place& other) const { return netns == other.netns && ifindex == other.ifindex; }
};

}  // namespace synfate::model
