// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// The devices of one namespace from an RTM_GETLINK dump; refuses to guess where a veth's other end is.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "machine/machine.hpp"
#include "model/inventory.hpp"

namespace synfate::inventory {

struct LinkRow {
  model::Link link;                        ///< without addresses and peer_netns
  std::optional<std::uint32_t> peer_nsid;  ///< veth, netkit: the visited namespace's number for the peer's; none: the same namespace
};

struct LinkTable {
  std::vector<LinkRow> rows;
  std::map<std::string, std::string> sysctls;  ///< "net.ipv4.conf.eth0.rp_filter": the kernel ships these with each device
  unsigned malformed = 0;                      ///< messages that had to be left out
};

machine::NetlinkRequest link_request();
LinkTable decode_links(const std::string& messages);

}  // namespace synfate::inventory
