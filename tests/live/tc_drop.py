# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A BPF program attached with tc drops the SYN on a device of the router.

  client eth0 ────── toclient router toserver ────── eth0 server
  10.13.1.2         10.13.1.1      10.13.2.1       10.13.2.2:80 listens
                    tc ingress ✗   tc egress ✗
"""

from bpf import bpf_object
from scenario import main
from topology import routed
from usual import dies


def lost(lab, stage, device, function, reason):
    return {
        "fate": "dropped",
        "cause": "tc_drop",
        "packet": "syn",
        "where": {"netns": lab.inode("router"), "stage": stage, "device": device, "function": function, "reason": reason},
        "confidence": "exact",
    }


def attach(lab, device, direction):
    # clsact first, by itself: "tc filter" would say nothing of a qdisc that is not there.
    lab.run("router", "tc", "qdisc", "add", "dev", device, "clsact")
    lab.run("router", "tc", "filter", "add", "dev", device, direction, "bpf", "da", "obj", bpf_object("tc_drop"), "sec", "tc")


def ingress(lab):
    routed(lab)
    lab.neighbours("client", "eth0", "router", "toclient", lab.v4(1, 1))
    attach(lab, "toclient", "ingress")
    expected = lost(lab, "tc_ingress", "toclient", "__netif_receive_skb_core", "TC_INGRESS")
    dies(lab, "client", lab.v4(2, 2), 80, expected)


def egress(lab):
    routed(lab)
    lab.neighbours("router", "toserver", "server", "eth0", lab.v6(2, 2))
    attach(lab, "toserver", "egress")
    dies(lab, "client", lab.v6(2, 2), 80, lost(lab, "tc_egress", "toserver", "__dev_queue_xmit", "TC_EGRESS"))


if __name__ == "__main__":
    main(13, __doc__, ingress, egress)
