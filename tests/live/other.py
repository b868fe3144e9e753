# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A drop that has no name of its own: the function and the reason as the kernel gave them, and no invented cause.

  client eth0 ────── eth0 server
  fd66:30:1::2    ✗ fd66:30:1::3, disable_ipv6=1
"""

from scenario import main
from topology import pair
from usual import SURE, dies


def ipv6_disabled(lab):
    pair(lab)
    lab.neighbours("client", "eth0", "server", "eth0", lab.v6(1, 3))
    lab.sysctl("server", "net.ipv6.conf.eth0.disable_ipv6", 1)
    expected = {
        "fate": "dropped",
        "cause": "other",
        "packet": "syn",
        "where": {"netns": lab.inode("server"), "device": "eth0", "function": "ip6_rcv_core", "reason": "IPV6DISABLED", "rule": None},
        "confidence": SURE,
    }
    dies(lab, "client", lab.v6(1, 3), 80, expected)


if __name__ == "__main__":
    main(30, __doc__, ipv6_disabled)
