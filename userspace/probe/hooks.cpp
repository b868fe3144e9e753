// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "probe/hooks.hpp"

#include <array>

namespace synfate::probe {
namespace {

constexpr std::array kHooks = {
    Hook{"on_kfree_skb", "kfree_skb", Need::Must, "drops", "packets freed as drops are not seen"},
    Hook{"on_kfree_skb_nested", "kfree_skb", Need::Must, "drops", "the netfilter hook of a drop may not be recoverable"},
    Hook{"on_net_dev_start_xmit", "net_dev_start_xmit", Need::Must, "hops", "packets leaving a device are not seen"},
    Hook{"on_netif_receive_skb", "netif_receive_skb", Need::Must, "hops", "packets entering a device are not seen"},
    Hook{"synfate_egress", "", Need::Scope, "tcx", "a scope does not spare other packets: all devices are observed"},
    Hook{"synfate_ingress", "", Need::Scope, "tcx", "a scope does not spare other packets: all devices are observed"},
    Hook{"on_inet_sock_set_state", "inet_sock_set_state", Need::Must, "sockets", "who connects and what is established is not seen"},
    Hook{"on_inet_sock_set_state_nested", "inet_sock_set_state", Need::Must, "sockets",
         "changes that are no events are called lost when they interrupt one that is"},
    Hook{"on_netif_rx", "netif_rx", Need::Detail, "netif_rx", "entering a CPU's backlog is not shown"},
    Hook{"on_tcp_retransmit_skb", "tcp_retransmit_skb", Need::Nice, "tcp_retransmit_skb",
         "retransmits that are dropped before any device are not counted"},
    Hook{"on_tcp_retransmit_synack", "tcp_retransmit_synack", Need::Nice, "tcp_retransmit_synack",
         "a lost SYN-ACK or final ACK is noticed only by the client's retransmit"},
    Hook{"on_tcp_send_reset", "tcp_send_reset", Need::Nice, "tcp_send_reset", "which namespace sent a RST is told from packets only"},
    Hook{"on_tcp_receive_reset", "tcp_receive_reset", Need::Nice, "tcp_receive_reset",
         "that a client accepted a RST is told from its socket's state only"},
    Hook{"on_inet_sk_error_report", "inet_sk_error_report", Need::Nice, "inet_sk_error_report",
         "the error that connect() got is told from its socket's state only"},
    Hook{"on_icmp_send", "icmp_send", Need::Nice, "icmp_send",
         "IPv4 ICMP errors made here are seen only as packets on devices (absent in 5.15 and 6.6)"},
    Hook{"on_fib_table_lookup", "fib_table_lookup", Need::Nice, "fib_table_lookup",
         "a connect() that fails for want of an IPv4 route is not seen: it sends no SYN"},
    Hook{"on_fib6_table_lookup", "fib6_table_lookup", Need::Nice, "fib6_table_lookup",
         "a connect() that fails for want of an IPv6 route is not seen: it sends no SYN"},
    Hook{"on_neigh_event_send_done", "neigh_event_send_done", Need::Nice, "neighbour",
         "a SYN waiting for ARP or ND is not told from one that vanished"},
    Hook{"on_neigh_timer_handler", "neigh_timer_handler", Need::Nice, "neighbour",
         "a neighbour that failed is told only by the packets dropped for it"},
    Hook{"on_sched_process_fork", "sched_process_fork", Need::Tree, "tree", "children of the command are not followed"},
    Hook{"on_sched_process_exit", "sched_process_exit", Need::Tree, "tree", "a reused process number may be followed by mistake"},
    Hook{"own_tgid", "", Need::Must, "sweep", "the command's process tree cannot be followed"},
    Hook{"sweep", "", Need::Must, "sweep", "attempts that go silent are not reported"},
};

}  // namespace

std::span<const Hook> hooks() { return kHooks; }

}  // namespace synfate::probe
