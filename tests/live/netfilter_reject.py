# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A netfilter rule rejects the SYN: the router drops it and answers with an ICMP error or a RST of its own making.

  client eth0 ────── toclient router toserver ────── eth0 server
  10.3.1.2    ←RST  10.3.1.1  ✗  10.3.2.1          10.3.2.2:80 listens
             ←ICMP      reject
"""

import errno

from expect import check, expect, some_text
from scenario import main
from topology import routed
from usual import NFT_DROPS_IN, SURE, TWO_SYNS, dies, named_rule, scope


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


def icmp_ipv6_to_itself(lab):
    """The error comes back to the client's own namespace, and is freed there: the SYN that it quotes has not died a second time."""
    routed(lab)
    lab.nft("client", "table ip6 lab { chain out { type filter hook output priority 0; tcp dport 80 reject with icmpv6 type admin-prohibited; }; }")
    rule = named_rule("tcp dport 80 reject with icmpv6 admin-prohibited", "out", family="ip6")
    partial = {key: value for key, value in rejected(lab, "client", "output", rule).items() if key != "fate"}
    # connect() holds the socket while the error comes, which is lost then; the next SYN would get another.
    row = dies(lab, "client", lab.v6(2, 2), 80, {**partial, "syns": 1})[0]
    drops = [step for step in row["path"] if step["event"] == "drop"]
    check(len(drops) == 1, f"one SYN died, and {len(drops)} are told of: {row['path']}")


def tcp_reset(lab):
    outcome = forward(lab, lab.v4(2, 2), "reject with tcp reset", "ip")
    check(outcome["errno"] == errno.ECONNREFUSED, f"connect() got {outcome}")


def tcp_reset_ipv6(lab):
    outcome = forward(lab, lab.v6(2, 2), "reject with tcp reset", "ip6")
    check(outcome["errno"] == errno.ECONNREFUSED, f"connect() got {outcome}")


def iptables_legacy_input(lab):
    """An answer ends the first attempt before a second SYN; what is known of it is true, and the next attempt's rule is known at once."""
    routed(lab)
    lab.listener("server", lab.v4(2, 2), 80)
    lab.iptables("server", "iptables-legacy", "-A INPUT -p tcp --dport 81 -j DROP")
    lab.iptables("server", "iptables-legacy", "-A INPUT -p tcp --dport 80 -j REJECT --reject-with tcp-reset")
    text = "-A INPUT -p tcp -m tcp --dport 80 -j REJECT --reject-with tcp-reset"
    rule = named_rule(text, "INPUT", "iptables-legacy", table="filter", number=2)
    unknown = {"rule": {"backend": "iptables-legacy", "table": "filter", "number": None, "how": None}, "rule_gap": some_text}
    synfate = lab.synfate("trace", *scope(lab.v4(2, 2)))
    ports = []
    for expected in ({}, rule):
        outcome = lab.connect("client", lab.v4(2, 2), 80, 5)
        check(outcome["errno"] == errno.ECONNREFUSED, f"connect() got {outcome}")
        ports.append({"flow": {"sport": outcome["sport"]}})
        synfate.expect_attempt(ports[-1], rejected(lab, "server", "input", expected, "nf_hook_slow"))
    done = synfate.stop()
    for mine in ports:
        check(len(done.attempts(mine)) == 1, f"{len(done.attempts(mine))} rows for one connect()")
    first = done.attempts(ports[0])[0]["where"]
    expect(unknown if first["rule"]["number"] is None else rule, first)
    expect(rule, done.attempts(ports[1])[0]["where"])


def iptables_legacy_again(lab):
    """Where no answer gets back, the second SYN tells."""
    routed(lab)
    lab.listener("server", lab.v6(2, 2), 80)
    lab.iptables("router", "ip6tables-legacy", "-A FORWARD -p tcp --dport 80 -j REJECT")
    lab.nft("router", "table ip6 silence { chain out { type filter hook output priority 0; icmpv6 type destination-unreachable drop; }; }")
    text = "-A FORWARD -p tcp -m tcp --dport 80 -j REJECT --reject-with icmp6-port-unreachable"
    rule = named_rule(text, "FORWARD", "iptables-legacy", "ip6", "filter")
    dies(lab, "client", lab.v6(2, 2), 80, {**rejected(lab, "router", "forward", rule, "nf_hook_slow"), "fate": "dropped", "confidence": some_text}, TWO_SYNS)


def iptables_nft_forward(lab):
    routed(lab)
    lab.listener("server", lab.v4(2, 2), 80)
    lab.iptables("router", "iptables-nft", "-A FORWARD -p tcp --dport 80 -j REJECT --reject-with tcp-reset")
    text = "-A FORWARD -p tcp -m tcp --dport 80 -j REJECT --reject-with tcp-reset"
    rule = named_rule(text, "FORWARD", "iptables-nft", table="filter")
    dies(lab, "client", lab.v4(2, 2), 80, rejected(lab, "router", "forward", rule))


if __name__ == "__main__":
    main(3, __doc__, icmp, icmp_ipv6, icmp_ipv6_to_itself, tcp_reset, tcp_reset_ipv6, iptables_legacy_input, iptables_legacy_again, iptables_nft_forward)
