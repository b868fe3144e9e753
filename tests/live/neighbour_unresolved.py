# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Nobody has answered yet for the next hop, and the client gives up before the kernel does: its SYN waits in the neighbour's queue, has been
at no device (local) or at the router's first one only (forwarded), and nothing was freed.

  client eth0 ────── toclient router toserver ────── eth0 server
  10.47.1.2         10.47.1.1      10.47.2.1  who has 10.47.2.77? 10.47.2.2
"""

from expect import any_of
from scenario import main
from topology import pair, routed
from usual import dies


def parked(lab, netns, device):
    return {
        "fate": "parked",
        "cause": "neighbour_unresolved",
        "packet": "syn",
        "where": {"netns": lab.inode(netns), "device": device, "stage": "neighbour"},
        "confidence": any_of("exact", "strong"),
    }


def local(lab):
    pair(lab)
    dies(lab, "client", lab.v4(1, 77), 80, parked(lab, "client", "eth0"))


def local_ipv6(lab):
    pair(lab)
    dies(lab, "client", lab.v6(1, 77), 80, parked(lab, "client", "eth0"))


def forwarded(lab):
    routed(lab)
    dies(lab, "client", lab.v4(2, 77), 80, parked(lab, "router", "toserver"))


if __name__ == "__main__":
    main(47, __doc__, local, local_ipv6, forwarded)
