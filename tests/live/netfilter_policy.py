# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""No rule matches the SYN, and the base chain's policy drops it.

  client eth0 ────── toclient router toserver ────── eth0 server
  10.2.1.2          10.2.1.1  ✗  10.2.2.1          10.2.2.2:80 listens
                        policy drop
"""

from scenario import main
from topology import routed
from usual import NFT_DROPS_IN, SURE, TWO_SYNS, dies, named_rule

POLICY = "table {family} lab {{ chain forward {{ type filter hook forward priority 0; policy drop; tcp dport 8080 accept; }}; }}"


def by_policy(lab, rule, function=NFT_DROPS_IN):
    return {
        "fate": "dropped",
        "cause": "netfilter_policy",
        "packet": "syn",
        "where": {
            "netns": lab.inode("router"),
            "stage": "forward",
            "device": "toclient",
            "function": function,
            "reason": "NETFILTER_DROP",
            **rule,
        },
        "confidence": SURE,
    }


def nft(lab):
    routed(lab)
    lab.listener("server", lab.v4(2, 2), 80)
    lab.nft("router", POLICY.format(family="ip"))
    dies(lab, "client", lab.v4(2, 2), 80, by_policy(lab, named_rule("policy drop", number=None)))


def nft_ipv6(lab):
    routed(lab)
    lab.listener("server", lab.v6(2, 2), 80)
    lab.nft("router", POLICY.format(family="ip6"))
    dies(lab, "client", lab.v6(2, 2), 80, by_policy(lab, named_rule("policy drop", family="ip6", number=None)))


def second_of_two(lab):
    """The first chain of the hook accepts, which decides nothing about the second."""
    routed(lab)
    lab.listener("server", lab.v4(2, 2), 80)
    first = "chain first { type filter hook forward priority -5; policy accept; tcp dport 80 accept; };"
    lab.nft("router", f"table inet lab {{ {first} chain second {{ type filter hook forward priority 5; policy drop; }}; }}")
    dies(lab, "client", lab.v4(2, 2), 80, by_policy(lab, named_rule("policy drop", "second", family="inet", number=None)))


def after_a_return(lab):
    """The last rule that the SYN meets sends it back to where the policy is."""
    routed(lab)
    lab.listener("server", lab.v4(2, 2), 80)
    inner = "chain inner { tcp dport 80 return; drop; };"
    lab.nft("router", f"table ip lab {{ {inner} chain forward {{ type filter hook forward priority 0; policy drop; jump inner; }}; }}")
    dies(lab, "client", lab.v4(2, 2), 80, by_policy(lab, named_rule("policy drop", number=None)))


def iptables_nft(lab):
    routed(lab)
    lab.listener("server", lab.v4(2, 2), 80)
    lab.iptables("router", "iptables-nft", "-A FORWARD -p tcp --dport 8080 -j ACCEPT")
    lab.iptables("router", "iptables-nft", "-P FORWARD DROP")
    dies(lab, "client", lab.v4(2, 2), 80, by_policy(lab, named_rule("-P FORWARD DROP", "FORWARD", "iptables-nft", table="filter", number=None)))


def iptables_legacy(lab):
    """xtables keeps a policy as one more rule behind the chain's: that is not taken for one."""
    routed(lab)
    lab.listener("server", lab.v4(2, 2), 80)
    lab.iptables("router", "iptables-legacy", "-A FORWARD -p tcp --dport 8080 -j ACCEPT")
    lab.iptables("router", "iptables-legacy", "-P FORWARD DROP")
    rule = named_rule("-P FORWARD DROP", "FORWARD", "iptables-legacy", table="filter", number=None)
    dies(lab, "client", lab.v4(2, 2), 80, by_policy(lab, rule, "nf_hook_slow"), TWO_SYNS)


if __name__ == "__main__":
    main(2, __doc__, nft, nft_ipv6, second_of_two, after_a_return, iptables_nft, iptables_legacy)
