# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A router beyond this node answers the SYN with an ICMP error: host unreachable.

  client eth0 ────── toclient router tun0 ─ ─ ─ ─ beyond
  10.18.1.2   ←3/1  10.18.1.1      10.18.2.1 ←3/1  10.18.2.99
"""

from expect import any_of
from scenario import main
from topology import routed
from usual import dies


def unreachable(lab, address):
    routed(lab, server=False)
    lab.tun("router", "tun0", *lab.both(2, 1), mode="icmp")
    expected = {
        "fate": "refused",
        "cause": "icmp_from_peer",
        "packet": "syn",
        "where": {"netns": lab.inode("router"), "stage": "beyond", "device": "tun0"},
        "confidence": any_of("exact", "strong"),
    }
    dies(lab, "client", address, 80, expected)


def ipv4(lab):
    unreachable(lab, lab.v4(2, 99))


def ipv6(lab):
    unreachable(lab, lab.v6(2, 99))


if __name__ == "__main__":
    main(18, __doc__, ipv4, ipv6)
