# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Answers that take another way, as behind a load balancer with direct server return: this node sees the SYN and the final ACK, and no
SYN-ACK. That is a healthy connection, and no row.

  client eth0 ────── toclient router tun0 ─ ─ ─ ─ beyond (silent; its answers, as it were, go to the client directly)
  10.46.1.2         10.46.1.1      10.46.2.1
"""

from expect import check, expect
from scenario import main
from topology import flow, routed


def no_row(lab, source, destination):
    routed(lab, server=False)
    lab.tun("router", "tun0", *lab.both(2, 1))
    synfate = lab.synfate("trace", "--netns", lab.inode("router"))
    sender = lab.agent("client", "answered_elsewhere", source, destination, 4000, 80)
    sender.report()
    sender.process.stdin.write(b"\n")
    sender.process.stdin.flush()
    sender.report()
    # The second SYN was never answered; when that is said, the first would have been said as well.
    row = synfate.wait_attempt({"flow": {"sport": 4001}}, 10)
    expect({"fate": "unanswered", "cause": "left_node"}, row)
    done = synfate.stop()
    check(not done.attempts({"flow": {"sport": 4000}}), f"a row about a healthy connection: {done.attempts(flow(source, destination, 80))}")
    expect({"attempts": {"established": 1, "unanswered": 1}}, done.summary)


def ipv4(lab):
    no_row(lab, lab.v4(1, 2), lab.v4(2, 99))


def ipv6(lab):
    no_row(lab, lab.v6(1, 2), lab.v6(2, 99))


if __name__ == "__main__":
    main(46, __doc__, ipv4, ipv6)
