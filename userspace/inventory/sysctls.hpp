// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// The settings of a namespace that decide fates, from one table; refuses to write any.
#pragma once

#include <array>
#include <map>
#include <string>
#include <string_view>

#include "machine/machine.hpp"

namespace synfate::inventory {

struct Sysctl {
  std::string_view name;  ///< as sysctl(8) prints it
  std::string_view path;  ///< below /proc/sys: a name's dots do not say where its slashes are
};

/// Per-device settings come with the devices (links.hpp).
inline constexpr auto kSysctls = std::to_array<Sysctl>({
    {"net.ipv4.ip_forward", "net/ipv4/ip_forward"},
    {"net.ipv4.conf.all.forwarding", "net/ipv4/conf/all/forwarding"},
    {"net.ipv4.conf.all.rp_filter", "net/ipv4/conf/all/rp_filter"},
    {"net.ipv4.conf.default.rp_filter", "net/ipv4/conf/default/rp_filter"},
    {"net.ipv4.conf.all.accept_local", "net/ipv4/conf/all/accept_local"},
    {"net.ipv4.conf.all.route_localnet", "net/ipv4/conf/all/route_localnet"},
    {"net.ipv4.conf.all.src_valid_mark", "net/ipv4/conf/all/src_valid_mark"},
    {"net.ipv4.ip_local_port_range", "net/ipv4/ip_local_port_range"},
    {"net.ipv4.ip_default_ttl", "net/ipv4/ip_default_ttl"},
    {"net.ipv4.tcp_syn_retries", "net/ipv4/tcp_syn_retries"},
    {"net.ipv4.tcp_syn_linear_timeouts", "net/ipv4/tcp_syn_linear_timeouts"},
    {"net.ipv4.tcp_rto_max_ms", "net/ipv4/tcp_rto_max_ms"},
    {"net.ipv4.tcp_synack_retries", "net/ipv4/tcp_synack_retries"},
    {"net.ipv4.tcp_syncookies", "net/ipv4/tcp_syncookies"},
    {"net.ipv4.tcp_max_syn_backlog", "net/ipv4/tcp_max_syn_backlog"},
    {"net.ipv4.tcp_abort_on_overflow", "net/ipv4/tcp_abort_on_overflow"},
    {"net.ipv4.tcp_l3mdev_accept", "net/ipv4/tcp_l3mdev_accept"},
    {"net.core.somaxconn", "net/core/somaxconn"},
    {"net.core.netdev_max_backlog", "net/core/netdev_max_backlog"},
    {"net.ipv6.conf.all.forwarding", "net/ipv6/conf/all/forwarding"},
    {"net.ipv6.conf.all.disable_ipv6", "net/ipv6/conf/all/disable_ipv6"},
    {"net.ipv6.bindv6only", "net/ipv6/bindv6only"},
    {"net.netfilter.nf_conntrack_max", "net/netfilter/nf_conntrack_max"},
    {"net.netfilter.nf_conntrack_count", "net/netfilter/nf_conntrack_count"},
    {"net.netfilter.nf_conntrack_tcp_be_liberal", "net/netfilter/nf_conntrack_tcp_be_liberal"},
    {"net.netfilter.nf_conntrack_tcp_loose", "net/netfilter/nf_conntrack_tcp_loose"},
    {"net.bridge.bridge-nf-call-iptables", "net/bridge/bridge-nf-call-iptables"},
    {"net.bridge.bridge-nf-call-ip6tables", "net/bridge/bridge-nf-call-ip6tables"},
    {"net.ipv4.fib_multipath_hash_policy", "net/ipv4/fib_multipath_hash_policy"},
});

struct SysctlTable {
  std::map<std::string, std::string> values;  ///< untrusted; without those that this kernel or namespace does not have
  unsigned unreadable = 0;
};

SysctlTable read_sysctls(machine::NetnsVisit& visit);

}  // namespace synfate::inventory
