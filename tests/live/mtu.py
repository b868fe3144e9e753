# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A SYN with 1300 bytes of data, as TCP Fast Open sends it, meets a link that takes 1280. A router says so to the sender; the end of a
veth and the port of a bridge discard it and tell nobody.

  client eth0 ────── toclient router toserver (MTU 1280) ────── eth0 server
  client eth0 ────── eth0 server (MTU 1280)
  client eth0 ────── toclient br0 toserver (MTU 1280) ────── eth0 server
"""

from expect import any_of, contains
from scenario import main
from topology import bridged, pair, routed
from usual import SURE, found_broken, says

SMALL = 1280


def too_large(lab, netns, device, stage, words, command):
    return {
        "fate": "dropped",
        "cause": "mtu",
        "packet": "syn",
        "where": {"netns": lab.inode(netns), "device": device, "stage": stage},
        "confidence": SURE,
        "evidence": says("bytes", words),
        "next": contains(command),
    }


def by_a_router(lab, source, destination):
    routed(lab)
    lab.ip("router", f"link set toserver mtu {SMALL}")
    packet = ("eth0", lab.mac("router", "toclient"), "long", source, destination)
    expected = too_large(lab, "router", any_of("toclient", "toserver"), "forward", "", f"route get {destination}")
    expected["evidence"] = says(f"toserver, which leads to {destination}, has an MTU of {SMALL}", "1364 bytes" if ":" in source else "1344 bytes", "an ICMP")
    found_broken(lab, "client", packet, expected)


def ipv4(lab):
    by_a_router(lab, lab.v4(1, 2), lab.v4(2, 2))


def ipv6(lab):
    by_a_router(lab, lab.v6(1, 2), lab.v6(2, 2))


def veth_peer(lab):
    pair(lab)
    lab.ip("server", f"link set eth0 mtu {SMALL}")
    packet = ("eth0", lab.mac("server", "eth0"), "long", lab.v4(1, 2), lab.v4(1, 3))
    expected = too_large(lab, "client", "eth0", "device", f"eth0 in netns server has an MTU of {SMALL}", "ip netns exec server ip -d link")
    found_broken(lab, "client", packet, expected)


def bridge_port(lab):
    bridged(lab)
    lab.ip("node", f"link set toserver mtu {SMALL}")
    packet = ("eth0", lab.mac("server", "eth0"), "long", lab.v4(1, 2), lab.v4(1, 3))
    expected = too_large(lab, "node", "toserver", "bridge", f"toserver in netns node has an MTU of {SMALL}", "ip -d link show dev toserver")
    expected["where"]["function"] = any_of("br_dev_queue_push_xmit", "br_nf_dev_queue_xmit")
    found_broken(lab, "client", packet, expected)


if __name__ == "__main__":
    main(87, __doc__, ipv4, ipv6, veth_peer, bridge_port)
