# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A netfilter rule rejects the SYN: the router drops it and answers with an ICMP error or a RST of its own making.

  client eth0 ────── toclient router toserver ────── eth0 server
  10.3.1.2    ←RST  10.3.1.1  ✗  10.3.2.1          10.3.2.2:80 listens
             ←ICMP      reject
"""

import errno

from expect import check
from scenario import main
from topology import routed
from usual import NFT_DROPS_IN, SURE, TWO_SYNS, dies, named_rule


def rejected(lab, netns, stage, rule, function=NFT_DROPS_IN):
    return {
        "fate": "refused",
        "cause": "netfilter_reject",
        "packet": "syn",
        "where": {
            "netns": lab.inode(netns),
            "stage": stage,
            "function": function,
            "reason": "NETFILTER_DROP",
            **rule,
        },
        "confidence": SURE,
    }


def forward(lab, address, verdict, family, printed=None):
    routed(lab)
    lab.listener("server", address, 80)
    lab.nft("router", f"table {family} lab {{ chain forward {{ type filter hook forward priority 0; tcp dport 80 {verdict}; }}; }}")
    rule = named_rule(f"tcp dport 80 {printed or verdict}", family=family)
    return dies(lab, "client", address, 80, rejected(lab, "router", "forward", rule))[1]


def icmp(lab):
    # No errno is asserted: an ICMP error that arrives while connect() still holds the socket is only counted by the kernel.
    forward(lab, lab.v4(2, 2), "reject with icmp type port-unreachable", "ip", "reject")


def icmp_ipv6(lab):
    forward(lab, lab.v6(2, 2), "reject with icmpv6 type admin-prohibited", "ip6", "reject with icmpv6 admin-prohibited")


def tcp_reset(lab):
    outcome = forward(lab, lab.v4(2, 2), "reject with tcp reset", "ip")
    check(outcome["errno"] == errno.ECONNREFUSED, f"connect() got {outcome}")


def tcp_reset_ipv6(lab):
    outcome = forward(lab, lab.v6(2, 2), "reject with tcp reset", "ip6")
    check(outcome["errno"] == errno.ECONNREFUSED, f"connect() got {outcome}")


def iptables_legacy_input(lab):
    routed(lab)
    lab.listener("server", lab.v4(2, 2), 80)
    lab.iptables("server", "iptables-legacy", "-A INPUT -p tcp --dport 80 -j REJECT")
    text = "-A INPUT -p tcp -m tcp --dport 80 -j REJECT --reject-with icmp-port-unreachable"
    rule = named_rule(text, "INPUT", "iptables-legacy", table="filter")
    dies(lab, "client", lab.v4(2, 2), 80, rejected(lab, "server", "input", rule, "nf_hook_slow"), TWO_SYNS)


def iptables_nft_forward(lab):
    routed(lab)
    lab.listener("server", lab.v4(2, 2), 80)
    lab.iptables("router", "iptables-nft", "-A FORWARD -p tcp --dport 80 -j REJECT --reject-with tcp-reset")
    text = "-A FORWARD -p tcp -m tcp --dport 80 -j REJECT --reject-with tcp-reset"
    rule = named_rule(text, "FORWARD", "iptables-nft", table="filter")
    dies(lab, "client", lab.v4(2, 2), 80, rejected(lab, "router", "forward", rule))


if __name__ == "__main__":
    main(3, __doc__, icmp, icmp_ipv6, tcp_reset, tcp_reset_ipv6, iptables_legacy_input, iptables_nft_forward)
