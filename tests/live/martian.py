# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The SYN's source is an address of the router's own.

  client eth0 ────── toclient router toserver ────── eth0 server
  10.10.1.2         10.10.1.1  ✗  10.10.2.1        10.10.2.2:80 listens
  lo 10.10.2.1
"""

from expect import any_of, says
from scenario import main
from topology import routed
from usual import SURE, dies


def local_source(lab):
    routed(lab)
    lab.listener("server", lab.v4(2, 2), 80)
    lab.address("client", "lo", lab.v4(2, 1) + "/32")
    # The router would not answer an ARP request from such an address either.
    lab.neighbours("client", "eth0", "router", "toclient", lab.v4(1, 1))
    expected = {
        "fate": "dropped",
        "cause": "martian",
        "packet": "syn",
        "where": {
            "netns": lab.inode("router"),
            "device": "toclient",
            "stage": "route_in",
            "function": "ip_rcv_finish_core",
            # Linux 6.12 has no name for it.
            "reason": any_of("IP_LOCAL_SOURCE", "NOT_SPECIFIED"),
        },
        "confidence": SURE,
        "evidence": says(f"{lab.v4(2, 1)} is an address of toserver in netns router", "net.ipv4.conf.toclient.accept_local = 0"),
    }
    dies(lab, "client", lab.v4(2, 2), 80, expected, source=lab.v4(2, 1))


if __name__ == "__main__":
    main(10, __doc__, local_source)
