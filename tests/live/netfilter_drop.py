# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A netfilter rule drops the SYN: in the router's forward hook, at the server's input, at the client's own output.

  client eth0 ────── toclient router toserver ────── eth0 server
  10.1.1.2          10.1.1.1 ✗ 10.1.2.1            10.1.2.2:80 listens
         output ✗            forward ✗               ✗ input
"""

from scenario import main
from topology import routed
from usual import NFT_DROPS_IN, SURE, dies, undetermined_rule


def dropped(lab, netns, stage, device, function=NFT_DROPS_IN, **rule):
    return {
        "revision": 1,
        "fate": "dropped",
        "cause": "netfilter_drop",
        "packet": "syn",
        "where": {
            "netns": lab.inode(netns),
            "stage": stage,
            "device": device,
            "function": function,
            "reason": "NETFILTER_DROP",
            **undetermined_rule(**rule),
        },
        "confidence": SURE,
    }


def nft_forward(lab):
    routed(lab)
    lab.listener("server", lab.v4(2, 2), 80)
    lab.nft("router", "table ip lab { chain forward { type filter hook forward priority 0; tcp dport 80 drop; }; }")
    dies(lab, "client", lab.v4(2, 2), 80, dropped(lab, "router", "forward", "toclient"))


def nft_forward_ipv6(lab):
    routed(lab)
    lab.listener("server", lab.v6(2, 2), 80)
    lab.nft("router", "table inet lab { chain forward { type filter hook forward priority 0; tcp dport 80 drop; }; }")
    dies(lab, "client", lab.v6(2, 2), 80, dropped(lab, "router", "forward", "toclient"))


def nft_prerouting(lab):
    routed(lab)
    lab.listener("server", lab.v4(2, 2), 80)
    lab.nft("router", "table ip lab { chain prerouting { type filter hook prerouting priority -300; tcp dport 80 drop; }; }")
    dies(lab, "client", lab.v4(2, 2), 80, dropped(lab, "router", "prerouting", "toclient"))


def nft_postrouting(lab):
    routed(lab)
    lab.listener("server", lab.v4(2, 2), 80)
    lab.nft("router", "table ip lab { chain postrouting { type filter hook postrouting priority 0; tcp dport 80 drop; }; }")
    dies(lab, "client", lab.v4(2, 2), 80, dropped(lab, "router", "postrouting", "toserver"))


def iptables_legacy_forward(lab):
    routed(lab)
    lab.listener("server", lab.v4(2, 2), 80)
    lab.iptables("router", "iptables-legacy", "-A FORWARD -p tcp --dport 80 -j DROP")
    dies(lab, "client", lab.v4(2, 2), 80, dropped(lab, "router", "forward", "toclient", "nf_hook_slow"))


def iptables_nft_input(lab):
    routed(lab)
    lab.listener("server", lab.v4(2, 2), 80)
    lab.iptables("server", "iptables-nft", "-A INPUT -p tcp --dport 80 -j DROP")
    dies(lab, "client", lab.v4(2, 2), 80, dropped(lab, "server", "input", "eth0"))


def local_output(lab):
    routed(lab)
    lab.listener("server", lab.v4(2, 2), 80)
    lab.nft("client", "table ip lab { chain output { type filter hook output priority 0; tcp dport 80 drop; }; }")
    dies(lab, "client", lab.v4(2, 2), 80, dropped(lab, "client", "output", "eth0"))


if __name__ == "__main__":
    by_nft = (nft_forward, nft_forward_ipv6, nft_prerouting, nft_postrouting)
    main(1, __doc__, *by_nft, iptables_legacy_forward, iptables_nft_input, local_output)
