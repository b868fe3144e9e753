// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "inventory/peers.hpp"

namespace synfate::inventory {

std::map<std::uint32_t, model::NetnsId> resolve_nsids(machine::NetnsVisit& visit, std::set<std::uint32_t> wanted,
                                                      const std::vector<model::NetnsId>& known, const OpenNetns& open) {
  std::map<std::uint32_t, model::NetnsId> found;
  for (const model::NetnsId candidate : known) {
    if (wanted.empty()) break;
    // One at a time: each open descriptor keeps a namespace alive.
    const auto handle = open(candidate);
    if (!handle) continue;
    const auto nsid = visit.nsid_of(*handle);
    if (nsid && *nsid && wanted.erase(**nsid) != 0) found[**nsid] = candidate;
  }
  return found;
}

}  // namespace synfate::inventory
