// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// What was looked up because of NAT: how conntrack has a connection, and who has the address that a packet was sent to.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "model/address.hpp"
#include "model/place.hpp"

namespace synfate::model {

/// A connection that a namespace's conntrack was asked for, by the addresses that its first packet had there.
struct TrackedFlow {
  Flow original;              ///< what was asked for
  std::optional<Flow> reply;  ///< its answers, as they arrive: from where the connection was sent to. None: there was no such entry

  /// Where it was sent to, if elsewhere.
  std::optional<Endpoint> sent_to() const { return reply && reply->src != original.dst ? std::optional{reply->src} : std::nullopt; }
};

/// Who on this machine has an address, asked on behalf of a packet that a device was to send there.
struct AddressSearch {
  IpAddress address;
  NetnsId netns = 0;          ///< of the device
  std::uint32_t ifindex = 0;  ///< of the device; 0: none was chosen
  std::vector<NetnsId> owners;
  unsigned namespaces = 0;  ///< whose addresses were read
  std::string gap;          ///< what may have hidden an owner; empty: nothing
  std::string beyond;       ///< how the device leads out of what was searched: "its port vxlan0"; empty: it does not
};

}  // namespace synfate::model
