# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The source address would be answered by another device than the one that the SYN came in by, and rp_filter is strict.

  client eth0 ────── toclient router toserver ────── eth0 server
  10.9.1.2          10.9.1.1  ✗  10.9.2.1          10.9.2.2:80 listens
  lo 10.9.7.7        rp_filter=1, route 10.9.7.0/24 dev toserver
"""

from scenario import main
from topology import routed
from usual import dies


def strict(lab):
    routed(lab)
    lab.listener("server", lab.v4(2, 2), 80)
    lab.address("client", "lo", lab.v4(7, 7) + "/32")
    # The router would not answer an ARP request from such an address either.
    lab.neighbours("client", "eth0", "router", "toclient", lab.v4(1, 1))
    lab.route("router", f"{lab.v4(7, 0)}/24 dev toserver")
    lab.sysctl("router", "net.ipv4.conf.toclient.rp_filter", 1)
    expected = {
        "fate": "dropped",
        "cause": "rp_filter",
        "packet": "syn",
        "where": {
            "netns": lab.inode("router"),
            "device": "toclient",
            "stage": "route_in",
            "function": "ip_rcv_finish_core",
            "reason": "IP_RPFILTER",
        },
        "confidence": "exact",
    }
    dies(lab, "client", lab.v4(2, 2), 80, expected, source=lab.v4(7, 7))


if __name__ == "__main__":
    main(9, __doc__, strict)
