# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""DNAT, and then no hop of the translated SYN before its end: a rule answers first and drops then, or the router keeps it for ARP. One row,
the client's, with the flow that it asked for.

  client eth0 ────── toclient router toserver ────── eth0 server
  10.45.1.2         10.45.1.1  ✗  10.45.2.1        10.45.2.2
             203.0.113.5 → 10.45.2.2, .6 → the router itself, .7 → 10.45.2.77 (nobody)
"""

from expect import any_of, check
from scenario import main
from topology import routed
from usual import dies


def translated(lab, forward=""):
    routed(lab)
    to = f"ip daddr 203.0.113.5 dnat to {lab.v4(2, 2)}; ip daddr 203.0.113.6 redirect; ip daddr 203.0.113.7 dnat to {lab.v4(2, 77)};"
    lab.nft("router", f"table ip nat {{ chain prerouting {{ type nat hook prerouting priority -100; {to} }}; }}")
    if forward:
        lab.nft("router", f"table ip lab {{ chain forward {{ type filter hook forward priority 0; {forward}; }}; }}")


def one_row(lab, destination, stage, expected, server, **options):
    where = {"netns": lab.inode("router"), "stage": stage}
    row, _, done = dies(lab, "client", destination, 80, {**expected, "where": where}, **options)
    check(row["nat"] and row["nat"]["dst"] == server, f"nat: {row['nat']}")
    ours = [one for one in done.attempts() if (one["where"] or {}).get("netns") == lab.inode("router")]
    check(len(ours) == 1, f"{len(ours)} rows for one connect()")


def rejected_with_icmp(lab):
    translated(lab, "tcp dport 80 reject")
    one_row(lab, "203.0.113.5", "forward", {"fate": "refused", "cause": "netfilter_reject"}, lab.v4(2, 2))


def rejected_with_rst(lab):
    translated(lab, "tcp dport 80 reject with tcp reset")
    one_row(lab, "203.0.113.5", "forward", {"fate": "refused", "cause": "netfilter_reject"}, lab.v4(2, 2))


def redirected_to_nobody(lab):
    translated(lab)
    one_row(lab, "203.0.113.6", "socket", {"fate": "refused", "cause": "no_listener"}, lab.v4(1, 1))


def no_neighbour(lab):
    """The first SYN dies after its retransmits have come by."""
    translated(lab)
    expected = {"fate": any_of("dropped", "refused"), "cause": "neighbour_failed"}
    one_row(lab, "203.0.113.7", "neighbour", expected, lab.v4(2, 77), timeout=5, patience=8)


if __name__ == "__main__":
    main(45, __doc__, rejected_with_icmp, rejected_with_rst, redirected_to_nobody, no_neighbour)
