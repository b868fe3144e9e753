// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "inventory/rules.hpp"

#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include "inventory/attributes.hpp"

namespace synfate::inventory {

machine::NetlinkRequest rule_request() { return {NETLINK_ROUTE, RTM_GETRULE, body_of(fib_rule_hdr{})}; }

RefusingRules decode_rules(const std::string& messages) {
  RefusingRules rules;
  const bool whole = for_each_message(messages, [&](const nlmsghdr* message) {
    if (message->nlmsg_type != RTM_NEWRULE) return;
    const auto header = fixed_header<fib_rule_hdr>(message);
    if (!header) {
      ++rules.malformed;
      return;
    }
    if (header->action != FR_ACT_BLACKHOLE && header->action != FR_ACT_UNREACHABLE && header->action != FR_ACT_PROHIBIT) return;
    if (header->family == AF_INET) ++rules.ipv4;
    if (header->family == AF_INET6) ++rules.ipv6;
  });
  if (!whole) ++rules.malformed;
  return rules;
}

}  // namespace synfate::inventory
