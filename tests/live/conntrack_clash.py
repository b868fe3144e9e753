# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Two connections that NAT gives the same address and port, because its rule leaves no choice: the second cannot be entered.

  client eth0 ────── toclient router toserver ────── eth0 server
  10.51.1.2         10.51.1.1     10.51.2.1        10.51.2.2:80 listens
                      postrouting: snat to 10.51.2.1:40000 ✗
"""

from expect import at_least, contains, expect, some_text
from scenario import main
from topology import routed
from usual import dies


def clash(lab):
    return {
        "fate": "dropped",
        "cause": "conntrack_clash",
        "packet": "syn",
        "where": {"netns": lab.inode("router"), "stage": "postrouting", "device": "toserver", "function": "nf_hook_slow", "rule": None},
        # The same entry of the hook drops for other reasons too.
        "confidence": "strong",
    }


def second(lab, address):
    """The first connection is there and stays."""
    lab.listener("server", address, 80)
    lab.holding("client", address, 80, 30001)
    row = dies(lab, "client", address, 80, clash(lab))[0]
    expect({"syns": at_least(1), "next": some_text}, row)
    entry = [words for words in row["evidence"] if "confirm" in words]
    expect([contains("confirm")], entry)
    expect([contains("1 entr")], [words for words in row["evidence"] if "failed to insert" in words])


def nft(lab):
    routed(lab)
    head = "type nat hook postrouting priority 100"
    lab.nft("router", f"table ip lab {{ chain post {{ {head}; ip protocol tcp snat to {lab.v4(2, 1)}:40000; }}; }}")
    second(lab, lab.v4(2, 2))


def nft_ipv6(lab):
    routed(lab)
    head = "type nat hook postrouting priority 100"
    lab.nft("router", f"table ip6 lab {{ chain post {{ {head}; meta l4proto tcp snat to [{lab.v6(2, 1)}]:40000; }}; }}")
    second(lab, lab.v6(2, 2))


def iptables_legacy(lab):
    routed(lab)
    lab.iptables("router", "iptables-legacy", f"-t nat -A POSTROUTING -p tcp -j SNAT --to-source {lab.v4(2, 1)}:40000")
    second(lab, lab.v4(2, 2))


if __name__ == "__main__":
    main(51, __doc__, nft, nft_ipv6, iptables_legacy)
