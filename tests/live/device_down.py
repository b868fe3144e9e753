# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The other end of a veth is down: what is sent to this end is discarded, in the words of a queueing discipline that is not there.

  client eth0 ─────✗ eth0 server (down)
  client eth0 ────── toclient router toserver ─────✗ eth0 server (down)
"""

from expect import any_of, contains
from scenario import main
from topology import pair, routed
from usual import dies, says


def discarded(lab, netns, device):
    return {
        "fate": "dropped",
        "cause": "device_down",
        "packet": "syn",
        "where": {
            "netns": lab.inode(netns),
            "device": device,
            "stage": "device",
            # A list that is freed at once reports the function that frees it (6.1).
            "function": any_of("__dev_queue_xmit", "kfree_skb_list_reason"),
            "reason": "QDISC_DROP",
        },
        "confidence": "strong",
        "evidence": says(f"{device} in netns {netns} has no carrier: its other end, eth0 in netns server, is down"),
        "next": contains("ip netns exec server ip -d link show dev eth0"),
    }


def local(lab, destination):
    pair(lab)
    lab.neighbours("client", "eth0", "server", "eth0", destination)
    lab.flush()
    lab.unplug("client", "eth0", "server", "eth0")
    dies(lab, "client", destination, 80, discarded(lab, "client", "eth0"))


def local_ipv4(lab):
    local(lab, lab.v4(1, 3))


def local_ipv6(lab):
    local(lab, lab.v6(1, 3))


def forwarded(lab):
    routed(lab)
    lab.neighbours("router", "toserver", "server", "eth0", lab.v4(2, 2))
    lab.flush()
    lab.unplug("router", "toserver", "server", "eth0")
    dies(lab, "client", lab.v4(2, 2), 80, discarded(lab, "router", "toserver"))


if __name__ == "__main__":
    main(85, __doc__, local_ipv4, local_ipv6, forwarded)
