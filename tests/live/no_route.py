# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The router, or the client itself, has no route to the destination.

  client eth0 ────── toclient router
  10.4.1.2          10.4.1.1   no route to 10.4.9.9
  default via .1    ICMP 3/0 to the client
"""

import errno

from expect import any_of, check, expect
from scenario import main
from topology import routed
from usual import dies


def lost(lab, function, reason):
    return {
        # An ICMP error goes back to the client: that makes it a refusal, as far as it was seen (there is no event for ICMPv6).
        "fate": any_of("refused", "dropped"),
        "cause": "no_route",
        "packet": "syn",
        "where": {"netns": lab.inode("router"), "stage": "route_in", "function": function, "reason": reason, "rule": None},
        "confidence": "exact",
    }


def ipv4(lab):
    routed(lab, server=False)
    dies(lab, "client", lab.v4(9, 9), 80, {**lost(lab, "ip_error", "IP_INNOROUTES"), "fate": "refused"})


def ipv6(lab):
    routed(lab, server=False)
    dies(lab, "client", lab.v6(9, 9), 80, lost(lab, any_of("ip6_pkt_drop", "ip6_pkt_discard"), "IP_INNOROUTES"))


def no_syn(lab, address):
    """connect() itself fails: there is no packet, and still a row that says so."""
    lab.netns("client")
    expected = {
        "fate": "refused",
        "cause": "no_route",
        "packet": None,
        "isn": None,
        "syns": 0,
        "where": {"netns": lab.inode("client"), "stage": "local_out"},
        "client": {"netns": lab.inode("client")},
    }
    row, outcome, _ = dies(lab, "client", address, 80, expected)
    check(outcome["errno"] == errno.ENETUNREACH, f"the lab does not work: {outcome}")
    expect({"client": {"tgid": lab.agents[-1].tgid}}, row)


def local_ipv4(lab):
    no_syn(lab, lab.v4(9, 9))


def local_ipv6(lab):
    no_syn(lab, lab.v6(9, 9))


if __name__ == "__main__":
    main(4, __doc__, ipv4, ipv6, local_ipv4, local_ipv6)
