# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A listener wants packets from its neighbours only (RFC 5082), and this one comes from behind a router.

  client eth0 ────── router ────── eth0 server
  10.121.1.2                        10.121.2.2:179 listens, TTL 255 or more ✗
"""

from expect import any_of, check, contains
from scenario import main
from topology import routed
from usual import dies, kernel_at_least


def far(lab, address, words):
    routed(lab)
    lab.helper("server", "strict_server.py", address, 179, "minttl", 255)
    expected = {
        "fate": "dropped",
        "cause": "tcp_minttl",
        "packet": "syn",
        "where": {"netns": lab.inode("server"), "stage": "socket", "reason": "TCP_MINTTL"},
        "confidence": "exact",
        "next": contains("ss -Hltnpie 'sport = :179'"),
    }
    told = kernel_at_least(6, 3)
    if not told:
        # Its kernel gives no reason for it.
        expected = {"fate": any_of("dropped", "vanished"), "cause": any_of("other", "unknown"), "packet": "syn"}
    row = dies(lab, "client", address, 179, expected)[0]
    if told:
        check(any(words in line for line in row["evidence"]), f"evidence: {row['evidence']}")


def ipv4(lab):
    far(lab, lab.v4(2, 2), "its TTL was 63")


def ipv6(lab):
    far(lab, lab.v6(2, 2), "its hop limit was 63")


if __name__ == "__main__":
    main(121, __doc__, ipv4, ipv6)
