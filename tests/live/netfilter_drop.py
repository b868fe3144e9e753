# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A netfilter rule drops the SYN: in the router's forward hook, at the server's input, at the client's own output.

  client eth0 ────── toclient router toserver ────── eth0 server
  10.1.1.2          10.1.1.1 ✗ 10.1.2.1            10.1.2.2:80 listens
         output ✗            forward ✗               ✗ input
"""

from expect import expect, some_text
from scenario import main
from topology import routed
from usual import NFT_DROPS_IN, SURE, TWO_SYNS, dies, named_rule


def dropped(lab, netns, stage, device, rule, function=NFT_DROPS_IN):
    return {
        "fate": "dropped",
        "cause": "netfilter_drop",
        "packet": "syn",
        "where": {
            "netns": lab.inode(netns),
            "stage": stage,
            "device": device,
            "function": function,
            "reason": "NETFILTER_DROP",
            **rule,
        },
        "confidence": SURE,
    }


def by_nft(lab, address, netns, stage, device, family="ip", priority=0):
    """At once, in the first revision of the row."""
    routed(lab)
    lab.listener("server", address, 80)
    text = f'tcp dport 80 drop comment "no {stage}"'
    other = f"chain other {{ type filter hook {stage} priority -310; tcp dport 80 accept; }};"
    lab.nft(netns, f"table {family} lab {{ {other} chain here {{ type filter hook {stage} priority {priority}; tcp dport 81 drop; {text}; }}; }}")
    rule = named_rule(text, "here", family=family, number=2, comment=f"no {stage}")
    dies(lab, "client", address, 80, {"revision": 1, **dropped(lab, netns, stage, device, rule), "confidence": "exact"})


def nft_forward(lab):
    by_nft(lab, lab.v4(2, 2), "router", "forward", "toclient")


def nft_forward_ipv6(lab):
    by_nft(lab, lab.v6(2, 2), "router", "forward", "toclient", "inet")


def nft_prerouting(lab):
    by_nft(lab, lab.v4(2, 2), "router", "prerouting", "toclient", priority=-300)


def nft_postrouting(lab):
    by_nft(lab, lab.v4(2, 2), "router", "postrouting", "toserver")


def local_output(lab):
    by_nft(lab, lab.v4(2, 2), "client", "output", "eth0")


def iptables_legacy(lab, backend, family, address):
    """A rule of a user's chain, behind one that another port meets."""
    routed(lab)
    lab.listener("server", address, 80)
    lab.iptables("router", backend, "-N denied")
    lab.iptables("router", backend, "-A denied -p tcp --dport 81 -j DROP")
    lab.iptables("router", backend, "-A denied -p tcp --dport 80 -m comment --comment no-web -j DROP")
    lab.iptables("router", backend, "-A FORWARD -i toclient -j denied")
    text = "-A denied -p tcp -m tcp --dport 80 -m comment --comment no-web -j DROP"
    rule = named_rule(text, "denied", "iptables-legacy", family, "filter", 2, "no-web")
    dies(lab, "client", address, 80, dropped(lab, "router", "forward", "toclient", rule, "nf_hook_slow"), TWO_SYNS)


def iptables_legacy_forward(lab):
    iptables_legacy(lab, "iptables-legacy", "ip", lab.v4(2, 2))


def iptables_legacy_ipv6(lab):
    iptables_legacy(lab, "ip6tables-legacy", "ip6", lab.v6(2, 2))


def iptables_legacy_one_syn(lab):
    """Without a second SYN its rule may stay unknown; then its table is named, and why no more is."""
    routed(lab)
    lab.listener("server", lab.v4(2, 2), 80)
    lab.iptables("router", "iptables-legacy", "-A FORWARD -p tcp --dport 80 -j DROP")
    unknown = {"rule": {"backend": "iptables-legacy", "family": "ip", "table": "filter", "number": None, "how": None}, "rule_gap": some_text}
    known = named_rule("-A FORWARD -p tcp -m tcp --dport 80 -j DROP", "FORWARD", "iptables-legacy", "ip", "filter")
    row, _, _ = dies(lab, "client", lab.v4(2, 2), 80, dropped(lab, "router", "forward", "toclient", {}, "nf_hook_slow"))
    expect({"where": unknown if row["where"]["rule"]["number"] is None else known}, row)


def iptables_nft_input(lab):
    routed(lab)
    lab.listener("server", lab.v4(2, 2), 80)
    lab.iptables("server", "iptables-nft", "-A INPUT -p tcp --dport 81 -j DROP")
    lab.iptables("server", "iptables-nft", "-A INPUT -p tcp --dport 80 -j DROP")
    rule = named_rule("-A INPUT -p tcp -m tcp --dport 80 -j DROP", "INPUT", "iptables-nft", "ip", "filter", 2)
    dies(lab, "client", lab.v4(2, 2), 80, {"revision": 1, **dropped(lab, "server", "input", "eth0", rule)})


if __name__ == "__main__":
    nft = (nft_forward, nft_forward_ipv6, nft_prerouting, nft_postrouting, local_output)
    main(1, __doc__, *nft, iptables_legacy_forward, iptables_legacy_ipv6, iptables_legacy_one_syn, iptables_nft_input)
