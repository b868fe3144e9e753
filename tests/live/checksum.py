# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""SYNs whose checksums are wrong: of the IP header, and of TCP.

  client eth0 ────── eth0 server
  10.91.1.2         10.91.1.3
"""

from expect import any_of, contains
from scenario import main
from topology import pair
from usual import SURE, found_broken, says


def wrong(lab, what, source, destination, function, reason, stage):
    pair(lab)
    lab.listener("server", destination, 80)
    expected = {
        "fate": "dropped",
        "cause": "checksum",
        "packet": "syn",
        "where": {"netns": lab.inode("server"), "device": "eth0", "stage": stage, "function": function, "reason": reason},
        "confidence": SURE,
        "evidence": says("it was last sent by eth0 in netns client"),
        "next": contains("ip netns exec client ethtool -k eth0"),
    }
    found_broken(lab, "client", ("eth0", lab.mac("server", "eth0"), what, source, destination), expected)


def ip_header(lab):
    wrong(lab, "ip", lab.v4(1, 2), lab.v4(1, 3), "ip_rcv_core", "IP_CSUM", "prerouting")


def tcp(lab):
    wrong(lab, "tcp", lab.v4(1, 2), lab.v4(1, 3), any_of("tcp_v4_rcv", "tcp_v4_do_rcv"), "TCP_CSUM", "socket")


def tcp_ipv6(lab):
    wrong(lab, "tcp", lab.v6(1, 2), lab.v6(1, 3), any_of("tcp_v6_rcv", "tcp_v6_do_rcv"), "TCP_CSUM", "socket")


if __name__ == "__main__":
    main(91, __doc__, ip_header, tcp, tcp_ipv6)
