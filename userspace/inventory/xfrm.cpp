// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "inventory/xfrm.hpp"

#include <arpa/inet.h>
#include <linux/netlink.h>
#include <linux/xfrm.h>
#include <sys/socket.h>

#include <cstring>

#include "base/text.hpp"
#include "inventory/attributes.hpp"

namespace synfate::inventory {
namespace {

constexpr std::size_t kMaxTableBytes = 8U << 20U;
constexpr std::size_t kMaxCounterBytes = 16U << 10U;
constexpr std::size_t kMaxPolicies = 1024;

model::IpAddress to_address(const xfrm_address_t& address, std::uint16_t family) {
  model::IpAddress result;
  result.family = family == AF_INET ? 4 : 6;
  std::memcpy(result.bytes.data(), &address, family == AF_INET ? 4 : 16);
  return result;
}

}  // namespace

machine::NetlinkRequest xfrm_policy_request() { return {NETLINK_XFRM, XFRM_MSG_GETPOLICY, body_of(xfrm_userpolicy_id{})}; }

XfrmPolicyTable decode_xfrm_policies(const std::string& messages) {
  XfrmPolicyTable table;
  const bool whole = for_each_message(messages, [&](const nlmsghdr* message) {
    const auto found = fixed_header<xfrm_userpolicy_info>(message);
    const bool known = found && (found->sel.family == AF_INET || found->sel.family == AF_INET6 || found->sel.family == AF_UNSPEC);
    if (message->nlmsg_type != XFRM_MSG_NEWPOLICY || !known || table.rows.size() >= kMaxPolicies) {
      table.complete = false;
      return;
    }
    // Policies of single sockets have numbers of their own (XFRM_POLICY_MAX and above).
    if (found->dir > XFRM_POLICY_FWD) return;
    const std::uint16_t family = found->sel.family == AF_INET ? AF_INET : AF_INET6;
    model::XfrmPolicy policy;
    policy.direction = found->dir;
    policy.block = found->action == XFRM_POLICY_BLOCK;
    const Attributes attributes{message, sizeof(xfrm_userpolicy_info)};
    policy.wants_ipsec = attributes.has(XFRMA_TMPL);
    policy.index = found->index;
    policy.priority = found->priority;
    policy.source = to_address(found->sel.saddr, family);
    policy.source_length = found->sel.prefixlen_s;
    policy.destination = to_address(found->sel.daddr, family);
    policy.destination_length = found->sel.prefixlen_d;
    policy.destination_port = found->sel.dport_mask == 0 ? 0 : ntohs(found->sel.dport);
    policy.protocol = found->sel.proto;
    policy.destination_port_mask = ntohs(found->sel.dport_mask);
    policy.source_port = ntohs(found->sel.sport);
    policy.source_port_mask = ntohs(found->sel.sport_mask);
    policy.ifindex = static_cast<std::uint32_t>(found->sel.ifindex);
    xfrm_mark mark{};
    if (const std::string_view raw = attributes.bytes(XFRMA_MARK); raw.size() >= sizeof mark) {
      std::memcpy(&mark, raw.data(), sizeof mark);
      policy.mark = mark.v;
      policy.mark_mask = mark.m;
    }
    policy.xfrm_interface_id = attributes.u32(XFRMA_IF_ID).value_or(0);
    table.rows.push_back(policy);
  });
  if (!whole) table.complete = false;
  return table;
}

std::map<std::string, std::uint64_t> parse_xfrm_counters(std::string_view text) {
  std::map<std::string, std::uint64_t> counters;
  for (const std::string_view line : split(text, '\n')) {
    const std::size_t end = line.find_first_of(" \t");
    if (end == std::string_view::npos || !line.starts_with("Xfrm") || end > 64) continue;
    const auto value = parse_number(trim(line.substr(end)));
    if (value && *value != 0) counters[std::string(line.substr(0, end))] = *value;
  }
  return counters;
}

void read_xfrm_of(machine::NetnsVisit& visit, model::Netns& netns, bool may_ask) {
  netns.xfrm_counters.clear();
  // CONFIG_XFRM_STATISTICS; without it there is no such file.
  if (const auto text = visit.read_file("/proc/thread-self/net/xfrm_stat", {kMaxCounterBytes}))
    netns.xfrm_counters = parse_xfrm_counters(*text);
  netns.xfrm_policies.clear();
  netns.xfrm_policies_read = false;
  if (!may_ask) return;
  const auto reply = visit.netlink_dump(xfrm_policy_request(), kMaxTableBytes);
  if (!reply) return;
  XfrmPolicyTable table = decode_xfrm_policies(reply->messages);
  netns.xfrm_policies = std::move(table.rows);
  netns.xfrm_policies_read = table.complete && reply->consistent;
}

}  // namespace synfate::inventory
