# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The SYN leaves this node by an edge device, and nothing comes back.

  client eth0 ────── toclient router tun0 ─ ─ ─ ─ beyond (silent)
  10.16.1.2         10.16.1.1      10.16.2.1
"""

from expect import any_of, at_least
from scenario import main
from topology import routed
from usual import dies


def unanswered(lab, netns):
    return {
        "fate": "unanswered",
        "cause": "left_node",
        "packet": "syn",
        "syns": at_least(2),
        "where": {"netns": lab.inode(netns), "stage": "beyond", "device": "tun0"},
        "confidence": any_of("exact", "strong"),
    }


def to(lab, address):
    routed(lab, server=False)
    lab.tun("router", "tun0", *lab.both(2, 1))
    dies(lab, "client", address, 80, unanswered(lab, "router"), timeout=2.5)


def ipv4(lab):
    to(lab, lab.v4(2, 99))


def ipv6(lab):
    to(lab, lab.v6(2, 99))


def from_the_node_itself(lab):
    lab.netns("node")
    lab.tun("node", "tun0", lab.v4(2, 1))
    dies(lab, "node", lab.v4(2, 99), 80, unanswered(lab, "node"), timeout=2.5)


if __name__ == "__main__":
    main(16, __doc__, ipv4, ipv6, from_the_node_itself)
