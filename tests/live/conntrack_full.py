# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The router's connection table has room for one connection, which is there and stays: the SYN of the next one is dropped.

  client eth0 ────── toclient router toserver ────── eth0 server
  10.53.1.2         10.53.1.1  ✗  10.53.2.1        10.53.2.2:80 listens
                     prerouting: conntrack
"""

import contextlib

from expect import contains, expect
from guests import only_in_a_guest
from scenario import main
from topology import routed
from usual import by_entry, dies

MAX = "/proc/sys/net/netfilter/nf_conntrack_max"


@contextlib.contextmanager
def room_for(count):
    """The setting is the machine's: of all namespaces at once."""
    with open(MAX, "r+", encoding="ascii") as file:
        before = file.read()
        file.seek(0)
        file.write(str(count))
    try:
        yield
    finally:
        with open(MAX, "w", encoding="ascii") as file:
            file.write(before)


def full(lab, address, family):
    only_in_a_guest("nf_conntrack_max is a setting of the whole machine")
    routed(lab)
    lab.listener("server", address, 80)
    lab.nft("router", f"table {family} lab {{ chain forward {{ type filter hook forward priority 0; ct state established accept; }}; }}")
    lab.holding("client", address, 80)
    where = {"netns": lab.inode("router"), "stage": "prerouting", "device": "toclient", "function": "nf_hook_slow"}
    expected = {"fate": "dropped", "packet": "syn", "confidence": "exact", **by_entry("conntrack_full", where)}
    with room_for(1):
        row = dies(lab, "client", address, 80, expected)[0]
    if row["cause"] != "conntrack_full":
        return
    expect([contains("1 of at most 1 entries")], [words for words in row["evidence"] if "at most" in words])
    expect({"next": contains("nf_conntrack_max")}, row)


def ipv4(lab):
    full(lab, lab.v4(2, 2), "ip")


def ipv6(lab):
    full(lab, lab.v6(2, 2), "ip6")


if __name__ == "__main__":
    main(53, __doc__, ipv4, ipv6)
