# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A listener's own filter takes no packet: the SYN dies in TCP, with a reason that programs of the cgroup are given too.

  client eth0 ────── eth0 server
  10.97.1.2           10.97.1.3:80 listens, with a filter ✗
"""

from expect import any_of, check, contains
from scenario import main
from topology import pair
from usual import dies, has_receiver


def filtered(lab, address, mode):
    pair(lab)
    lab.helper("server", "strict_server.py", address, 80, mode)
    expected = {
        "fate": "dropped",
        "cause": "socket_filter",
        "packet": "syn",
        "where": {"netns": lab.inode("server"), "stage": "socket", "reason": "SOCKET_FILTER", "function": any_of("tcp_v4_rcv", "tcp_v6_rcv")},
        "confidence": "exact" if has_receiver() else "partial",
        "next": contains("ss -Hltnpie 'sport = :80'"),
    }
    return " ".join(dies(lab, "client", address, 80, expected)[0]["evidence"])


def classic(lab):
    evidence = filtered(lab, lab.v4(1, 3), "filter")
    if has_receiver():
        check("the listening socket had a classic filter" in evidence, f"the filter is not named: {evidence}")
    else:
        check("the same reason" in evidence, f"what it cannot tell apart is not said: {evidence}")


def program(lab):
    evidence = filtered(lab, lab.v6(1, 3), "bpf-filter")
    if has_receiver():
        check("BPF program take_nothing (id " in evidence and "held by python3[" in evidence, f"the program is not named: {evidence}")


if __name__ == "__main__":
    main(97, __doc__, classic, program)
