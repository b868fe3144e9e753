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
    const Attributes attributes{message, sizeof(fib_rule_hdr)};
    const std::uint32_t priority = attributes.u32(FRA_PRIORITY).value_or(0);
    // local at 0, main at 32766 and, for IPv4, default at 32767.
    const bool usual = header->action == FR_ACT_TO_TBL && (priority == 0 || priority == 32766 || priority == 32767);
    if (!usual && header->family == AF_INET) ++rules.own_ipv4;
    if (!usual && header->family == AF_INET6) ++rules.own_ipv6;
    if (header->action != FR_ACT_BLACKHOLE && header->action != FR_ACT_UNREACHABLE && header->action != FR_ACT_PROHIBIT) return;
    if (header->family == AF_INET) ++rules.ipv4;
    if (header->family == AF_INET6) ++rules.ipv6;
  });
  if (!whole) ++rules.malformed;
  return rules;
}

}  // namespace synfate::inventory
