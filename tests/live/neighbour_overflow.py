# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Nobody has the destination's address, and the queue of those who wait for the answer has room for one; or the table itself is full.

  client eth0 ────── toclient router toserver ────── eth0 server
  10.86.1.2         10.86.1.1      10.86.2.1  who has 10.86.2.77? 10.86.2.2
"""

from expect import check, contains
from guests import only_in_a_guest
from scenario import main
from topology import flow, routed
from usual import SURE, dies, says, scope


def lost(lab, reason, words, command):
    return {
        "fate": "dropped",
        "cause": "neighbour_overflow",
        "packet": "syn",
        "where": {"netns": lab.inode("router"), "device": "toserver", "stage": "neighbour", "reason": reason},
        "confidence": SURE,
        "evidence": says(words),
        "next": contains(command),
    }


def queue(lab, destination, version):
    routed(lab)
    # One packet always finds a place.
    lab.sysctl("router", f"net.{version}.neigh.toserver.unres_qlen_bytes", 0)
    expected = lost(lab, "NEIGH_QUEUEFULL", f"net.{version}.neigh.toserver.unres_qlen_bytes is 0", f"ip neigh show {destination} dev toserver")
    synfate = lab.synfate("trace", *scope(destination))
    first = lab.connecting("client", destination, 80, 0.9)
    # Its SYN is the one that waits: it is for that one that the address is asked for.
    lab.wait_until(lambda: "INCOMPLETE" in lab.ip("router", f"neigh show {destination} dev toserver"), "nobody is asked for")
    second = lab.connecting("client", destination, 81, 0.9)
    synfate.expect_attempt({"client": {"tgid": first.tgid}}, expected, 5)
    check(first.outcome(10)["errno"] != 0 and second.outcome(10)["errno"] != 0, "the lab does not work: a connect() succeeded")
    done = synfate.stop()
    rows = done.attempts({**flow(lab.v4(1, 2) if version == "ipv4" else lab.v6(1, 2), destination, 81), "cause": "neighbour_overflow"})
    check(not rows, "the one that waits is not the one that was pushed out")


def queue_ipv4(lab):
    queue(lab, lab.v4(2, 77), "ipv4")


def queue_ipv6(lab):
    queue(lab, lab.v6(2, 77), "ipv6")


def table_ipv4(lab):
    """Not with IPv6 as well: there are always entries for its groups that the kernel can throw out to make room for one."""
    only_in_a_guest("the size of the table is the whole machine's")
    routed(lab)
    lab.neighbours("client", "eth0", "router", "toclient", lab.v4(1, 1))
    lab.neighbours("router", "toclient", "client", "eth0", lab.v4(1, 2))
    lab.flush()
    path = "/proc/sys/net/ipv4/neigh/default/gc_thresh3"
    with open(path, encoding="ascii") as file:
        before = file.read()
    with open(path, "w", encoding="ascii") as file:
        file.write("0")
    expected = lost(lab, "NEIGH_CREATEFAIL", "(net.ipv4.neigh.default.gc_thresh3)", "sysctl net.ipv4.neigh.default.gc_thresh3")
    try:
        dies(lab, "client", lab.v4(2, 77), 80, expected)
    finally:
        with open(path, "w", encoding="ascii") as file:
            file.write(before)


if __name__ == "__main__":
    main(86, __doc__, queue_ipv4, queue_ipv6, table_ipv4)
