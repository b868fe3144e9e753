# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""No rule matches the SYN, and the base chain's policy drops it.

  client eth0 ────── toclient router toserver ────── eth0 server
  10.2.1.2          10.2.1.1  ✗  10.2.2.1          10.2.2.2:80 listens
                        policy drop
"""

from expect import any_of
from scenario import main
from topology import routed
from usual import NFT_DROPS_IN, SURE, dies, undetermined_rule

POLICY = "table {family} lab {{ chain forward {{ type filter hook forward priority 0; policy drop; tcp dport 8080 accept; }}; }}"


def by_policy(lab):
    return {
        "fate": "dropped",
        "cause": "netfilter_policy",
        "packet": "syn",
        "where": {
            "netns": lab.inode("router"),
            "stage": "forward",
            "device": "toclient",
            "function": NFT_DROPS_IN,
            "reason": "NETFILTER_DROP",
            **undetermined_rule(policy=True),
        },
        "confidence": SURE,
    }


def nft(lab):
    routed(lab)
    lab.listener("server", lab.v4(2, 2), 80)
    lab.nft("router", POLICY.format(family="ip"))
    dies(lab, "client", lab.v4(2, 2), 80, by_policy(lab))


def nft_ipv6(lab):
    routed(lab)
    lab.listener("server", lab.v6(2, 2), 80)
    lab.nft("router", POLICY.format(family="ip6"))
    dies(lab, "client", lab.v6(2, 2), 80, by_policy(lab))


def iptables_legacy(lab):
    """xtables has one place for rules and policies: it may stay undecided, but must not become a rule that is not there."""
    routed(lab)
    lab.listener("server", lab.v4(2, 2), 80)
    lab.iptables("router", "iptables-legacy", "-P FORWARD DROP")
    expected = by_policy(lab)
    expected["cause"] = any_of("netfilter_policy", "netfilter_drop")
    expected["where"]["function"] = "nf_hook_slow"
    expected["where"]["rule"]["policy"] = any_of(True, None)
    dies(lab, "client", lab.v4(2, 2), 80, expected)


if __name__ == "__main__":
    main(2, __doc__, nft, nft_ipv6, iptables_legacy)
