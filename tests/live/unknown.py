# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A BPF program takes the SYN on its way in, which is no drop. Its row must say where it was last seen and what is attached there, and must
not name a culprit.

  client eth0 ────── toclient router toserver ────── eth0 server
  10.19.1.2         10.19.1.1      10.19.2.1       10.19.2.2:80 listens
                    tc ingress: stolen
"""

from accept_queue_full import THREE_SYNS, said
from bpf import bpf_object
from expect import at_least
from scenario import main
from topology import pair, routed
from usual import dies


def steal(lab, netns, device):
    lab.run(netns, "tc", "qdisc", "add", "dev", device, "clsact")
    lab.run(netns, "tc", "filter", "add", "dev", device, "ingress", "bpf", "da", "obj", bpf_object("tc_drop"), "sec", "steal")


def vanished(lab, netns, device, confidence, *words):
    return {
        "fate": "vanished",
        "cause": "unknown",
        "packet": "syn",
        "syns": at_least(2),
        "where": {"netns": lab.inode(netns), "device": device, "rule": None},
        "confidence": confidence,
        "evidence": said(f"attached at tc ingress of {device} in netns {netns}", "BPF program steal_all (id ", *words),
    }


def forwarded(lab):
    routed(lab)
    lab.neighbours("client", "eth0", "router", "toclient", lab.v4(1, 1))
    steal(lab, "router", "toclient")
    expected = vanished(lab, "router", "toclient", "strong", "neither freed as a drop nor seen to leave")
    dies(lab, "client", lab.v4(2, 2), 80, expected, timeout=THREE_SYNS, patience=THREE_SYNS + 3)


def before_a_listener(lab):
    """It came to its listener's device, and never to TCP."""
    pair(lab)
    lab.has_module("tcp_diag")
    lab.neighbours("client", "eth0", "server", "eth0", lab.v4(1, 3))
    lab.listener("server", lab.v4(1, 3), 80)
    steal(lab, "server", "eth0")
    expected = vanished(lab, "server", "eth0", "partial", "it may not have come as far as TCP", "its queues are not to blame")
    dies(lab, "client", lab.v4(1, 3), 80, expected, timeout=THREE_SYNS, patience=THREE_SYNS + 3)


if __name__ == "__main__":
    main(19, __doc__, forwarded, before_a_listener)
