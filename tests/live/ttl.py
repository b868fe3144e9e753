# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A client that gives its packets one hop to live, and two routers that each believe the other is nearer to the destination.

  client eth0 ────── toclient router toserver ────── eth0 server
                                   tosecond ────── torouter second      10.92.9.0/24: each sends it to the other
"""

from expect import any_of, contains
from scenario import main
from topology import routed
from usual import SURE, dies, says


def expired(lab, device, words, command, confidence=SURE):
    return {
        "fate": "dropped",
        "cause": "ttl",
        "packet": "syn",
        "where": {
            "netns": lab.inode("router"),
            "device": device,
            "stage": "forward",
            "function": any_of("ip_forward", "ip6_forward"),
        },
        "confidence": confidence,
        "evidence": says(*words),
        "next": contains(command),
    }


def ipv4(lab):
    routed(lab)
    lab.sysctl("client", "net.ipv4.ip_default_ttl", 1)
    words = ("its TTL was 1", "net.ipv4.ip_default_ttl in netns client is 1", "ICMP time exceeded")
    dies(lab, "client", lab.v4(2, 2), 80, expired(lab, "toclient", words, "ip netns exec client sysctl net.ipv4.ip_default_ttl"))


def ipv6(lab):
    routed(lab)
    lab.sysctl("client", "net.ipv6.conf.eth0.hop_limit", 1)
    words = ("its hop limit was 1",)
    dies(lab, "client", lab.v6(2, 2), 80, expired(lab, "toclient", words, "ip netns exec client sysctl"))


def loop(lab):
    routed(lab, server=False)
    lab.netns("second")
    lab.veth("router", "tosecond", "second", "torouter")
    lab.address("router", "tosecond", lab.v4(3, 1))
    lab.address("second", "torouter", lab.v4(3, 2))
    lab.forwarding("second")
    lab.settle()
    for netns, other in (("router", 2), ("second", 1)):
        lab.sysctl(netns, "net.ipv4.conf.all.send_redirects", 0)
        lab.ip(netns, f"route add 10.{lab.number}.9.0/24 via {lab.v4(3, other)}")
    # An even number of hops ends where it began: 8 are enough to go round four times.
    lab.sysctl("client", "net.ipv4.ip_default_ttl", 9)
    words = ("it goes in a circle",)
    expected = expired(lab, "tosecond", words, f"route get {lab.v4(9, 9)}")
    dies(lab, "client", lab.v4(9, 9), 80, expected)


if __name__ == "__main__":
    main(92, __doc__, ipv4, ipv6, loop)
