# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A host beyond this node answers the SYN with a RST.

  client eth0 ────── toclient router tun0 ─ ─ ─ ─ beyond
  10.17.1.2   ←RST  10.17.1.1      10.17.2.1 ←RST  10.17.2.99
"""

import errno

from expect import any_of, check
from scenario import main
from topology import routed
from usual import dies


def reset(lab, address):
    routed(lab, server=False)
    lab.tun("router", "tun0", *lab.both(2, 1), mode="rst")
    expected = {
        "fate": "refused",
        "cause": "peer_reset",
        "packet": "syn",
        "where": {"netns": lab.inode("router"), "stage": "beyond", "device": "tun0"},
        "confidence": any_of("exact", "strong"),
    }
    _, outcome, _ = dies(lab, "client", address, 80, expected)
    check(outcome["errno"] == errno.ECONNREFUSED, f"the lab does not work: {outcome}")


def ipv4(lab):
    reset(lab, lab.v4(2, 99))


def ipv6(lab):
    reset(lab, lab.v6(2, 99))


if __name__ == "__main__":
    main(17, __doc__, ipv4, ipv6)
