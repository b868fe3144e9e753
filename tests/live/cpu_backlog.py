# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A CPU's queue of arrived packets has room for one, and the client's device sends a copy of each SYN to an observer first: the SYN itself
finds the queue full.

  client eth0 ────── eth0 server
          └─ mirror ─ eth0 observer
"""

from expect import check, contains
from guests import only_in_a_guest
from scenario import main
from topology import flow, pair
from usual import SURE, says, scope

LIMIT = "/proc/sys/net/core/netdev_max_backlog"


def ipv4(lab):
    only_in_a_guest("the length of the queue is the whole machine's")
    pair(lab)
    lab.netns("observer")
    lab.veth("client", "mirror", "observer", "eth0")
    lab.settle()
    lab.neighbours("client", "eth0", "server", "eth0", lab.v4(1, 3))
    lab.run("client", "tc", "qdisc", "add", "dev", "eth0", "clsact")
    mirror = ("action", "mirred", "egress", "mirror", "dev", "mirror")
    lab.run("client", "tc", "filter", "add", "dev", "eth0", "egress", "protocol", "ip", "matchall", *mirror)
    with open(LIMIT, encoding="ascii") as file:
        before = file.read()
    expected = {
        "fate": "dropped",
        "cause": "cpu_backlog",
        "packet": "syn",
        "where": {"netns": lab.inode("server"), "device": "eth0", "stage": "device", "reason": "CPU_BACKLOG"},
        "confidence": SURE,
        "evidence": says("net.core.netdev_max_backlog is 0", "since the machine was started"),
        "next": contains("sysctl net.core.netdev_max_backlog; ip netns exec server ip -s link show dev eth0"),
    }
    with open(LIMIT, "w", encoding="ascii") as file:
        file.write("0")
    try:
        # The copy leaves first and belongs to no socket, so the client is not known.
        synfate = lab.synfate("trace", *scope(lab.v4(1, 3)))
        client = lab.connecting("client", lab.v4(1, 3), 80, 1.5)
        who = flow(lab.v4(1, 2), lab.v4(1, 3), 80)
        synfate.expect_attempt(who, expected, 5)
        check(client.outcome(10)["errno"] != 0, "the lab does not work: connect() succeeded")
        done = synfate.stop()
        check(len(done.attempts(who)) == 1, f"{len(done.attempts(who))} rows for one connect()")
    finally:
        with open(LIMIT, "w", encoding="ascii") as file:
            file.write(before)


if __name__ == "__main__":
    main(94, __doc__, ipv4)
