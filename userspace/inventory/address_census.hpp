// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Who on this machine has an address: those of every namespace, read at one time. Refuses to say that nobody has it without saying what it
// may have missed.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/time.hpp"
#include "machine/machine.hpp"
#include "model/inventory.hpp"

namespace synfate::inventory {

class AddressCensus {
 public:
  void begin(MonotonicNs now);
  bool is_due(MonotonicNs now) const;
  bool has(model::NetnsId id) const { return members_.contains(id); }
  /// From inside that namespace.
  void take(model::NetnsId id, machine::NetnsVisit& visit);
  /// It could not be entered; one that is gone has no address.
  void miss(model::NetnsId id, const Error& error);

  /// The gap and the owners are of the whole machine; `beyond` is told from the links of the device's namespace.
  model::AddressSearch search(const model::Inventory& inventory, const model::IpAddress& address, model::NetnsId netns,
                              std::uint32_t ifindex) const;

 private:
  struct Member {
    std::vector<model::IpAddress> addresses;
    std::map<std::uint32_t, bool> enslaved;  ///< by ifindex: it is a port of another device
    bool has_tap = false;                    ///< a virtual machine may be behind it
    std::string gap;
  };
  std::string beyond(const model::Netns& netns, const model::Link& link) const;
  std::string behind_cable(const model::Link& link) const;

  std::map<model::NetnsId, Member> members_;
  MonotonicNs read_ns_ = 0;
};

}  // namespace synfate::inventory
