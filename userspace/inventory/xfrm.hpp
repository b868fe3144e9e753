// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// IPsec policies of a namespace, and its counters of what they cost; refuses to make the kernel load the module that tells policies.
#pragma once

#include <string>
#include <vector>

#include "machine/machine.hpp"
#include "model/inventory.hpp"

namespace synfate::inventory {

struct XfrmPolicyTable {
  std::vector<model::XfrmPolicy> rows;
  bool complete = true;
};
machine::NetlinkRequest xfrm_policy_request();
XfrmPolicyTable decode_xfrm_policies(const std::string& messages);
/// /proc/net/xfrm_stat: only counters that are not 0.
std::map<std::string, std::uint64_t> parse_xfrm_counters(std::string_view text);

/// may_ask: xfrm_user is there already.
void read_xfrm_of(machine::NetnsVisit& visit, model::Netns& netns, bool may_ask);

}  // namespace synfate::inventory
