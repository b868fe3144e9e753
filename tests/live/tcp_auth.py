# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A listener has a TCP-MD5 key for its peer, as those of BGP do, and the peer does not sign.

  client eth0 ────── eth0 server
  10.120.1.2           10.120.1.3:179 listens, with a key for 10.120.1.2 ✗
"""

from expect import check, contains
from lab import LabError, Skip
from scenario import main
from topology import pair
from usual import dies


def unsigned(lab, address, peer):
    pair(lab)
    try:
        lab.helper("server", "strict_server.py", address, 179, "md5", peer)
    except LabError as error:
        if "Protocol not available" in str(error):
            raise Skip("this kernel has no TCP-MD5 (CONFIG_TCP_MD5SIG)") from error
        raise
    expected = {
        "fate": "dropped",
        "cause": "tcp_auth",
        "packet": "syn",
        "where": {"netns": lab.inode("server"), "stage": "socket", "reason": "TCP_MD5NOTFOUND"},
        "confidence": "exact",
        "next": contains("ss -Hltnpie 'sport = :179'"),
    }
    row = dies(lab, "client", address, 179, expected)[0]
    check(any(f"the packet is not signed; the address is {peer}" in words for words in row["evidence"]), f"evidence: {row['evidence']}")


def ipv4(lab):
    unsigned(lab, lab.v4(1, 3), lab.v4(1, 2))


def ipv6(lab):
    unsigned(lab, lab.v6(1, 3), lab.v6(1, 2))


if __name__ == "__main__":
    main(120, __doc__, ipv4, ipv6)
