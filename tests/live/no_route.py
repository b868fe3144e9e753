# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The router, or the client itself, has no route to the destination; or the server has none back to the client.

  client eth0 ────── toclient router
  10.4.1.2          10.4.1.1   no route to 10.4.9.9
  default via .1    ICMP 3/0 to the client
"""

import errno

from accept_queue_full import THREE_SYNS
from expect import any_of, check, contains, expect
from scenario import main
from topology import pair, routed
from usual import dies, says, traces_listeners


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


def no_way_back(lab, address, source, prefix):
    """A listener without a route to the client refuses its SYN, and nothing is dropped: told from what it counted, and from its routes."""
    pair(lab)
    lab.has_module("tcp_diag")
    lab.address("client", "eth0", f"{source}/{prefix}")
    lab.settle()
    server = lab.listener("server", address, 80)
    counted = f":80 of python3[{server.tgid}] refused"
    if traces_listeners():
        counted = "of this attempt; the last time it moved ListenDrops by 1"
    expected = {
        "fate": "dropped",
        "cause": "no_route",
        "packet": "syn",
        "where": {"netns": lab.inode("server"), "device": "eth0", "stage": "socket", "rule": None},
        "server": {"netns": lab.inode("server")},
        "confidence": "strong",
        "evidence": says(counted, "the route back: none (Network is unreachable)"),
        "next": contains(f"route get {source}"),
    }
    dies(lab, "client", address, 80, expected, timeout=THREE_SYNS, patience=THREE_SYNS + 3, source=source)


def way_back_ipv4(lab):
    no_way_back(lab, lab.v4(1, 3), lab.v4(9, 2), 32)


def way_back_ipv6(lab):
    no_way_back(lab, lab.v6(1, 3), lab.v6(9, 2), 128)


if __name__ == "__main__":
    main(4, __doc__, ipv4, ipv6, local_ipv4, local_ipv6, way_back_ipv4, way_back_ipv6)
