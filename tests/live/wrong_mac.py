# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The client has a neighbour entry, set by hand, with a MAC address that nobody has: the server gets every SYN and takes none.

  client eth0 ────── eth0 server
  10.93.1.2         10.93.1.3, for the client at 02:00:00:00:00:99
"""

from expect import any_of, contains
from scenario import main
from topology import pair
from usual import TWO_SYNS, dies, says

NOBODY = "02:00:00:00:00:99"


def misled(lab, destination):
    pair(lab)
    lab.listener("server", destination, 80)
    mac = lab.mac("server", "eth0")
    lab.ip("client", f"neigh replace {destination} lladdr {NOBODY} dev eth0 nud permanent")
    expected = {
        "fate": "dropped",
        "cause": "wrong_mac",
        "packet": "syn",
        "where": {
            "netns": lab.inode("server"),
            "device": "eth0",
            "stage": "device",
            "function": any_of("ip_rcv_core", "ip6_rcv_core"),
            "reason": "OTHERHOST",
        },
        "confidence": "strong",
        "evidence": says(
            f"addressed to {NOBODY}, which no device has",
            f"eth0 has {mac}",
            f"netns client has that MAC address for {destination} on eth0, set by hand (permanent)",
        ),
        "next": contains(f"ip netns exec client ip neigh show {destination} dev eth0"),
    }
    dies(lab, "client", destination, 80, expected, timeout=TWO_SYNS)


def ipv4(lab):
    misled(lab, lab.v4(1, 3))


def ipv6(lab):
    misled(lab, lab.v6(1, 3))


if __name__ == "__main__":
    main(93, __doc__, ipv4, ipv6)
