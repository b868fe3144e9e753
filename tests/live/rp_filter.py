# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The source address would be answered by another device than the one that the packet came in by, and rp_filter is strict.

  client eth0 ────── toclient router toserver ────── eth0 server
  10.9.1.2          10.9.1.1  ✗  10.9.2.1          10.9.2.2:80 listens
  lo 10.9.7.7        rp_filter=1, route 10.9.7.0/24 dev toserver

and the same for an answer, where the way back is not the way there:

  node eth0 (10.9.1.2) ────── one (10.9.1.1) far, lo 10.9.2.2:80 listens
       eth1 (10.9.3.2) ✗───── two (10.9.3.1)     route 10.9.1.2 via 10.9.3.2
"""

from expect import says
from scenario import main
from topology import routed
from usual import dies


def refused(lab, netns, device, packet, *evidence):
    return {
        "fate": "dropped",
        "cause": "rp_filter",
        "packet": packet,
        "where": {
            "netns": lab.inode(netns),
            "device": device,
            "stage": "route_in",
            "function": "ip_rcv_finish_core",
            "reason": "IP_RPFILTER",
        },
        "confidence": "exact",
        "evidence": says(*evidence),
    }


def from_elsewhere(lab):
    routed(lab)
    lab.listener("server", lab.v4(2, 2), 80)
    lab.address("client", "lo", lab.v4(7, 7) + "/32")
    # The router would not answer an ARP request from such an address either.
    lab.neighbours("client", "eth0", "router", "toclient", lab.v4(1, 1))
    # A new namespace may have been given the machine's own.
    for device in ("all", "toclient"):
        lab.sysctl("router", f"net.ipv4.conf.{device}.rp_filter", 0)


def strict(lab):
    from_elsewhere(lab)
    lab.route("router", f"{lab.v4(7, 0)}/24 dev toserver")
    lab.sysctl("router", "net.ipv4.conf.toclient.rp_filter", 1)
    said = (
        f"the route back: {lab.v4(7, 0)}/24 dev toserver, table main",
        "net.ipv4.conf.all.rp_filter = 0, net.ipv4.conf.toclient.rp_filter = 1: the larger counts, effective 1 (strict",
    )
    dies(lab, "client", lab.v4(2, 2), 80, refused(lab, "router", "toclient", "syn", *said), source=lab.v4(7, 7))


def loose(lab):
    """By the setting of all devices, and there is no way back by any of them."""
    from_elsewhere(lab)
    lab.sysctl("router", "net.ipv4.conf.all.rp_filter", 2)
    said = (
        f"there is no route back to {lab.v4(7, 7)} at all",
        "the route back: none (Network is unreachable)",
        "net.ipv4.conf.all.rp_filter = 2, net.ipv4.conf.toclient.rp_filter = 0: the larger counts, effective 2 (loose",
    )
    dies(lab, "client", lab.v4(2, 2), 80, refused(lab, "router", "toclient", "syn", *said), source=lab.v4(7, 7))


def asymmetric(lab):
    lab.netns("node", "far")
    for subnet, device, beyond in ((1, "eth0", "one"), (3, "eth1", "two")):
        lab.veth("node", device, "far", beyond)
        lab.address("node", device, lab.v4(subnet, 2))
        lab.address("far", beyond, lab.v4(subnet, 1))
    lab.address("far", "lo", lab.v4(2, 2) + "/32")
    lab.route("node", f"{lab.v4(2, 0)}/24 via {lab.v4(1, 1)}")
    lab.route("far", f"{lab.v4(1, 2)}/32 via {lab.v4(3, 2)}")
    lab.settle()
    for netns, device in (("node", "all"), ("far", "all"), ("far", "one")):
        lab.sysctl(netns, f"net.ipv4.conf.{device}.rp_filter", 0)
    lab.sysctl("node", "net.ipv4.conf.eth1.rp_filter", 1)
    # far's ARP request would carry the same source, and be refused for the same reason.
    lab.neighbours("far", "two", "node", "eth1", lab.v4(3, 2))
    lab.listener("far", lab.v4(2, 2), 80)
    said = (
        "the peer did answer: its SYN-ACK left by two in netns far",
        "the SYN left by eth0 in netns node, the answer came in by eth1 in netns node",
        f"the route back: {lab.v4(2, 0)}/24 via {lab.v4(1, 1)} dev eth0, table main",
        "net.ipv4.conf.eth1.rp_filter = 1",
    )
    dies(lab, "node", lab.v4(2, 2), 80, refused(lab, "node", "eth1", "synack", *said))


if __name__ == "__main__":
    main(9, __doc__, strict, loose, asymmetric)
