// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Policy routing rules, as far as they refuse packets by themselves: to a packet such a rule looks like a route. Lists no others.
#pragma once

#include <string>

#include "machine/machine.hpp"

namespace synfate::inventory {

/// How many rules of each family are blackhole, unreachable or prohibit.
struct RefusingRules {
  unsigned ipv4 = 0;
  unsigned ipv6 = 0;
  unsigned own_ipv4 = 0;  ///< of any kind, beyond those that every namespace begins with
  unsigned own_ipv6 = 0;
  unsigned malformed = 0;
};

machine::NetlinkRequest rule_request();
RefusingRules decode_rules(const std::string& messages);

}  // namespace synfate::inventory
