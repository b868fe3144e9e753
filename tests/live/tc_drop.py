# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A BPF program attached with tc, or a filter of tc, drops the SYN on a device of the router; where there are two, both are named.

  client eth0 ────── toclient router toserver ────── eth0 server
  10.13.1.2         10.13.1.1      10.13.2.1       10.13.2.2:80 listens
                    tc ingress ✗   tc egress ✗
"""

from bpf import bpf_object
from expect import check, contains
from lab import LabError, Skip
from scenario import main
from topology import routed
from usual import dies


def lost(lab, stage, device, function, reason):
    return {
        "fate": "dropped",
        "cause": "tc_drop",
        "packet": "syn",
        "where": {"netns": lab.inode("router"), "stage": stage, "device": device, "function": function, "reason": reason},
        "confidence": "strong",
        "next": contains("bpftool prog show id "),
    }


def attach(lab, device, direction):
    # clsact first, by itself: "tc filter" would say nothing of a qdisc that is not there.
    lab.run("router", "tc", "qdisc", "add", "dev", device, "clsact")
    lab.run("router", "tc", "filter", "add", "dev", device, direction, "bpf", "da", "obj", bpf_object("tc_drop"), "sec", "tc")


def named(row, *words):
    evidence = " ".join(row["evidence"])
    for each in words:
        check(each in evidence, f"{each} is not said: {evidence}")


def ingress(lab):
    routed(lab)
    lab.neighbours("client", "eth0", "router", "toclient", lab.v4(1, 1))
    attach(lab, "toclient", "ingress")
    expected = lost(lab, "tc_ingress", "toclient", "__netif_receive_skb_core", "TC_INGRESS")
    row = dies(lab, "client", lab.v4(2, 2), 80, expected)[0]
    named(row, "tc filter bpf pref ", "BPF program drop_all (id ", "held by no process and pinned nowhere", "loaded by uid 0")


def egress(lab):
    routed(lab)
    lab.neighbours("router", "toserver", "server", "eth0", lab.v6(2, 2))
    attach(lab, "toserver", "egress")
    row = dies(lab, "client", lab.v6(2, 2), 80, lost(lab, "tc_egress", "toserver", "__dev_queue_xmit", "TC_EGRESS"))[0]
    named(row, "BPF program drop_all (id ")


def filter_without_program(lab):
    routed(lab)
    lab.neighbours("client", "eth0", "router", "toclient", lab.v4(1, 1))
    lab.run("router", "tc", "qdisc", "add", "dev", "toclient", "clsact")
    try:
        lab.run("router", *"tc filter add dev toclient ingress pref 7 matchall action drop".split())
    except LabError as error:
        raise Skip("this kernel has no matchall filter (CONFIG_NET_CLS_MATCHALL)") from error
    expected = lost(lab, "tc_ingress", "toclient", "__netif_receive_skb_core", "TC_INGRESS")
    expected["next"] = contains("tc -s filter show dev toclient ingress")
    named(dies(lab, "client", lab.v4(2, 2), 80, expected)[0], "tc filter matchall pref 7 handle 0x1, action drop")


def several(lab):
    """Which of two it was is not told, and both are."""
    routed(lab)
    lab.neighbours("client", "eth0", "router", "toclient", lab.v4(1, 1))
    attach(lab, "toclient", "ingress")
    lab.run("router", "tc", "filter", "add", "dev", "toclient", "ingress", "pref", "9", "bpf", "da", "obj", bpf_object("tc_drop"), "sec", "tc")
    expected = lost(lab, "tc_ingress", "toclient", "__netif_receive_skb_core", "TC_INGRESS")
    expected.update({"confidence": "partial", "next": contains("tc -s filter show dev toclient ingress")})
    named(dies(lab, "client", lab.v4(2, 2), 80, expected)[0], "2 may have said so", "tc filter bpf pref 9", "BPF program drop_all (id ")


if __name__ == "__main__":
    main(13, __doc__, ingress, egress, filter_without_program, several)
