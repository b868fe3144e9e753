# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The queue in front of a device has no room: at the client itself, and in one class of several at a router.

  client eth0 ────── eth0 server           pfifo with a limit of 0
  client eth0 ────── toclient router toserver ────── eth0 server
                                      htb 1: ─ class 1:10 ─ pfifo 20: with a limit of 0
"""

from expect import any_of, contains
from scenario import main
from topology import pair, routed
from usual import dies, says


def refused(lab, netns, device, *words):
    return {
        "fate": "dropped",
        "cause": "qdisc_drop",
        "packet": "syn",
        "where": {
            "netns": lab.inode(netns),
            "device": device,
            "stage": "qdisc",
            "function": any_of("__dev_queue_xmit", "kfree_skb_list_reason"),
            "reason": any_of("QDISC_DROP", "QDISC_OVERLIMIT"),
        },
        # A device that was down discards by the reason QDISC_DROP too, and no counter was read before the drop.
        "confidence": any_of("strong", "partial"),
        "evidence": says(*words),
        "next": contains(f"tc -s qdisc show dev {device}"),
    }


def at_the_client(lab, destination):
    pair(lab)
    lab.neighbours("client", "eth0", "server", "eth0", destination)
    lab.run("client", "tc", "qdisc", "add", "dev", "eth0", "root", "handle", "7:", "pfifo", "limit", "0")
    dies(lab, "client", destination, 80, refused(lab, "client", "eth0", "pfifo 7: (root) on eth0 has dropped"))


def ipv4(lab):
    at_the_client(lab, lab.v4(1, 3))


def ipv6(lab):
    at_the_client(lab, lab.v6(1, 3))


def one_of_several(lab):
    routed(lab)
    lab.neighbours("router", "toserver", "server", "eth0", lab.v4(2, 2))
    lab.flush()
    device = ("dev", "toserver")
    lab.run("router", "tc", "qdisc", "add", *device, "root", "handle", "1:", "htb", "default", "10")
    lab.run("router", "tc", "class", "add", *device, "parent", "1:", "classid", "1:10", "htb", "rate", "1mbit")
    lab.run("router", "tc", "qdisc", "add", *device, "parent", "1:10", "handle", "20:", "pfifo", "limit", "0")
    dies(lab, "client", lab.v4(2, 2), 80, refused(lab, "router", "toserver", "pfifo 20: (below 1:10) on toserver has dropped"))


if __name__ == "__main__":
    main(90, __doc__, ipv4, ipv6, one_of_several)
