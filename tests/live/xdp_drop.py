# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""An XDP program on the router's device drops the SYN: in the veth driver itself (native), or in the generic hook behind it.

  client eth0 ────── ✗ toclient router toserver ────── eth0 server
  10.14.1.2           10.14.1.1      10.14.2.1       10.14.2.2:80 listens
"""

from bpf import bpf_object
from expect import check, contains
from scenario import main
from topology import routed
from usual import SURE, dies


def lost(lab, function):
    return {
        "fate": "dropped",
        "cause": "xdp_drop",
        "packet": "syn",
        "where": {"netns": lab.inode("router"), "stage": "xdp", "device": "toclient", "function": function},
        "confidence": SURE,
        "next": contains("bpftool prog show id "),
    }


def attached(lab, mode):
    routed(lab)
    lab.neighbours("client", "eth0", "router", "toclient", *lab.both(1, 1))
    lab.run("router", "ip", "link", "set", "dev", "toclient", mode, "obj", bpf_object("xdp_drop"), "sec", "xdp")


def named(row):
    evidence = " ".join(row["evidence"])
    check("attached there: BPF program drop_all (id " in evidence, f"the program is not named: {evidence}")
    check("loaded by uid 0" in evidence, f"who loaded it is not said: {evidence}")


def native(lab):
    attached(lab, "xdpdrv")
    named(dies(lab, "client", lab.v4(2, 2), 80, lost(lab, "veth_xdp_rcv_skb"))[0])


def generic(lab):
    attached(lab, "xdpgeneric")
    named(dies(lab, "client", lab.v6(2, 2), 80, lost(lab, "do_xdp_generic"))[0])


if __name__ == "__main__":
    main(14, __doc__, native, generic)
