# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Nobody has the destination's address: ARP or neighbour discovery gives up after three seconds, and the SYN dies in its queue.

  client eth0 ────── toclient router toserver ────── eth0 server
  10.11.1.2         10.11.1.1      10.11.2.1  who has 10.11.2.77? 10.11.2.2
"""

from expect import any_of
from scenario import main
from topology import pair, routed
from usual import dies

FREED_IN = any_of("neigh_invalidate", "ndisc_error_report", "arp_error_report", "__neigh_event_send")


def lost(lab, netns, device, reason="NEIGH_FAILED"):
    return {
        "fate": "dropped",
        "cause": "neighbour_failed",
        "packet": "syn",
        "where": {"netns": lab.inode(netns), "device": device, "stage": "neighbour", "function": FREED_IN, "reason": reason},
        "confidence": any_of("exact", "strong"),
    }


def ipv4(lab):
    routed(lab)
    dies(lab, "client", lab.v4(2, 77), 80, lost(lab, "router", "toserver"), timeout=5, patience=8)


def ipv6(lab):
    routed(lab)
    # For IPv6 the kernel gives no reason: ndisc_error_report() is a tail call of neigh_invalidate(), and frees without one.
    expected = lost(lab, "router", "toserver", any_of("NEIGH_FAILED", "NOT_SPECIFIED"))
    dies(lab, "client", lab.v6(2, 77), 80, expected, timeout=5, patience=8)


def local(lab):
    pair(lab)
    dies(lab, "client", lab.v4(1, 77), 80, lost(lab, "client", "eth0"), timeout=5, patience=8)


if __name__ == "__main__":
    main(11, __doc__, ipv4, ipv6, local)
