# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The SYN arrives where it should, and nobody listens on the port.

  client eth0 ────── eth0 server
  10.12.1.2   ←RST  10.12.1.3:81 nobody, :80 listens
"""

import errno

from expect import check, expect
from scenario import main
from topology import pair
from usual import dies


def refused(lab, netns, function):
    return {
        "fate": "refused",
        "cause": "no_listener",
        "packet": "syn",
        "where": {"netns": lab.inode(netns), "stage": "socket", "function": function, "reason": "NO_SOCKET"},
        "server": {"netns": lab.inode(netns)},
        "confidence": "exact",
    }


def to(lab, address, function):
    pair(lab)
    lab.listener("server", address, 80)
    row, outcome, _ = dies(lab, "client", address, 81, refused(lab, "server", function))
    check(outcome["errno"] == errno.ECONNREFUSED, f"the lab does not work: {outcome}")
    expect({"client": {"tgid": lab.agents[-1].tgid}}, row)


def ipv4(lab):
    to(lab, lab.v4(1, 3), "tcp_v4_rcv")


def ipv6(lab):
    to(lab, lab.v6(1, 3), "tcp_v6_rcv")


def loopback(lab):
    lab.netns("alone")
    dies(lab, "alone", "127.0.0.1", 81, refused(lab, "alone", "tcp_v4_rcv"))


if __name__ == "__main__":
    main(12, __doc__, ipv4, ipv6, loopback)
