# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A router sends a copy of every SYN to an observer, where the copy dies. That is not the attempt's end, whatever becomes of the SYN.

  client eth0 ────── toclient router tun0 ────── (silent)
  10.41.1.2         10.41.1.1  │  10.41.3.1     10.41.3.9
                               toobserver ────── eth0 observer (does not forward)
                               10.41.7.1         10.41.7.2
"""

from expect import any_of, check
from scenario import main
from topology import routed
from usual import dies


def observed(lab, server):
    routed(lab, server)
    lab.netns("observer")
    lab.veth("router", "toobserver", "observer", "eth0")
    lab.address("router", "toobserver", lab.v4(7, 1))
    lab.address("observer", "eth0", lab.v4(7, 2))
    lab.settle()
    chain = f"chain copies {{ type filter hook prerouting priority -300; tcp dport 80 dup to {lab.v4(7, 2)} device toobserver; }};"
    lab.nft("router", f"table ip lab {{ {chain} }}")


def silence_beyond(lab):
    observed(lab, server=False)
    lab.tun("router", "tun0", lab.v4(3, 1))
    expected = {
        "fate": "unanswered",
        "cause": "left_node",
        "packet": "syn",
        "where": {"netns": lab.inode("router"), "device": "tun0", "stage": "beyond"},
        "confidence": any_of("strong", "partial"),
    }
    row, _, done = dies(lab, "client", lab.v4(3, 9), 80, expected, timeout=2.5)
    blamed = {line["where"]["netns"] for line in done.attempts({"id": row["id"]})}
    check(lab.inode("observer") not in blamed, "the observer was blamed")


def refused_by_the_server(lab):
    observed(lab, server=True)
    expected = {"fate": "refused", "cause": "no_listener", "where": {"netns": lab.inode("server"), "stage": "socket"}}
    dies(lab, "client", lab.v4(2, 2), 80, expected)


def dropped_at_the_server(lab):
    observed(lab, server=True)
    lab.nft("server", "table ip lab { chain input { type filter hook input priority 0; tcp dport 80 drop; }; }")
    expected = {"fate": "dropped", "cause": "netfilter_drop", "where": {"netns": lab.inode("server"), "stage": "input"}}
    dies(lab, "client", lab.v4(2, 2), 80, expected)


def dropped_where_it_was_copied(lab):
    observed(lab, server=True)
    lab.nft("router", "table ip more { chain forward { type filter hook forward priority 0; tcp dport 80 drop; }; }")
    expected = {"fate": "dropped", "cause": "netfilter_drop", "where": {"netns": lab.inode("router"), "stage": "forward"}}
    dies(lab, "client", lab.v4(2, 2), 80, expected)


if __name__ == "__main__":
    main(41, __doc__, silence_beyond, refused_by_the_server, dropped_at_the_server, dropped_where_it_was_copied)
