# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Two connections that NAT gives the same address and port, because its rule leaves no choice: the second cannot be entered.

  client eth0 ────── toclient router toserver ────── eth0 server
  10.51.1.2         10.51.1.1     10.51.2.1        10.51.2.2:80 listens
                      postrouting: snat to 10.51.2.1:40000 ✗
"""

from expect import check, expect, some_text
from scenario import main
from topology import routed
from usual import by_entry, dies


def clash(lab):
    where = {"netns": lab.inode("router"), "stage": "postrouting", "device": "toserver", "function": "nf_hook_slow"}
    return {"fate": "dropped", "packet": "syn", **by_entry("conntrack_clash", where)}


def second(lab, address):
    """The first connection is there and stays."""
    lab.listener("server", address, 80)
    lab.holding("client", address, 80, 30001)
    row = dies(lab, "client", address, 80, clash(lab))[0]
    if row["cause"] != "conntrack_clash":
        return
    # The same entry of the hook drops for other reasons too.
    expect({"confidence": "strong", "next": some_text}, row)
    for part in ("confirm", "1 entr"):
        check(any(part in words for words in row["evidence"]), f"{part} is not in {row['evidence']}")


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
