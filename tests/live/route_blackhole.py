# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The router's route to the destination says "blackhole" and nothing is answered. On the client itself
such a route makes connect() fail, and no SYN is made.

  client eth0 ────── toclient router
  10.5.1.2          10.5.1.1   blackhole 10.5.9.0/24
"""

import errno

from expect import any_of, check
from scenario import main
from topology import routed
from usual import dies

CAUSE = "route_blackhole"


def lost(lab, function, fate):
    return {
        "fate": fate,
        "cause": CAUSE,
        "packet": "syn",
        "where": {"netns": lab.inode("router"), "stage": "route_in", "function": function, "rule": None},
        "confidence": "exact",
    }


def ipv4(lab):
    routed(lab, server=False)
    lab.ip("router", f"route add blackhole {lab.v4(9, 0)}/24")
    dies(lab, "client", lab.v4(9, 9), 80, lost(lab, "ip_error", "dropped"))


def ipv6(lab):
    routed(lab, server=False)
    lab.ip("router", f"route add blackhole {lab.v6(9, 0)}/64")
    dies(lab, "client", lab.v6(9, 9), 80, lost(lab, any_of("dst_discard_out", "dst_discard", "ip6_pkt_discard", "ip6_pkt_drop"), "dropped"))


def local(lab):
    lab.netns("client")
    lab.ip("client", f"route add blackhole {lab.v4(9, 0)}/24")
    where = {"netns": lab.inode("client"), "stage": "local_out"}
    expected = {"fate": "refused", "cause": CAUSE, "packet": None, "isn": None, "syns": 0, "where": where}
    _, outcome, _ = dies(lab, "client", lab.v4(9, 9), 80, expected)
    check(outcome["errno"] == errno.EINVAL, f"the lab does not work: {outcome}")


if __name__ == "__main__":
    main(5, __doc__, ipv4, ipv6, local)
