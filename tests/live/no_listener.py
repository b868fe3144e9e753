# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The SYN arrives where it should, and nobody listens on the port.

What does listen nearby is said: the port elsewhere, or its neighbours.

  client eth0 ────── eth0 server
  10.12.1.2   ←RST  10.12.1.3:81 nobody, :80 listens
"""

import errno

from accept_queue_full import said
from expect import check, contains, expect
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
    lab.has_module("tcp_diag")
    server = lab.listener("server", address, 80)
    neighbour = said("a neighbouring port is listened on: ", f":80 of python3[{server.tgid}]")
    row, outcome, _ = dies(lab, "client", address, 81, {**refused(lab, "server", function), "evidence": neighbour})
    check(outcome["errno"] == errno.ECONNREFUSED, f"the lab does not work: {outcome}")
    expect({"client": {"tgid": lab.agents[-1].tgid}}, row)


def ipv4(lab):
    to(lab, lab.v4(1, 3), "tcp_v4_rcv")


def ipv6(lab):
    to(lab, lab.v6(1, 3), "tcp_v6_rcv")


def loopback(lab):
    lab.netns("alone")
    dies(lab, "alone", "127.0.0.1", 81, refused(lab, "alone", "tcp_v4_rcv"))


def bound_elsewhere(lab, address, bound, words, device=""):
    pair(lab)
    lab.has_module("tcp_diag")
    server = lab.listener("server", bound, 80, device=device)
    expected = {
        **refused(lab, "server", "tcp_v6_rcv" if ":" in address else "tcp_v4_rcv"),
        "evidence": said(f"{words}[{server.tgid}]"),
        "next": contains("ss -Hltnp 'sport = :80'"),
    }
    dies(lab, "client", address, 80, expected)


def other_address(lab):
    bound_elsewhere(lab, lab.v4(1, 3), "127.0.0.1", "the port is bound on another address: 127.0.0.1:80 of python3")


def only_ipv6(lab):
    bound_elsewhere(lab, lab.v4(1, 3), "::", "the port is bound for IPv6 only (IPV6_V6ONLY): [::]:80 of python3")


def only_ipv4(lab):
    bound_elsewhere(lab, lab.v6(1, 3), "0.0.0.0", "the port is bound for IPv4 only: 0.0.0.0:80 of python3")


def other_device(lab):
    bound_elsewhere(lab, lab.v4(1, 3), "0.0.0.0", "the port is bound to lo (SO_BINDTODEVICE), and the SYN came by eth0: 0.0.0.0:80 of python3", device="lo")


def nothing_listens(lab):
    pair(lab)
    lab.has_module("tcp_diag")
    dies(lab, "client", lab.v4(1, 3), 80, {**refused(lab, "server", "tcp_v4_rcv"), "evidence": said("nothing else listens there either")})


if __name__ == "__main__":
    main(12, __doc__, ipv4, ipv6, loopback, other_address, only_ipv6, only_ipv4, other_device, nothing_listens)
