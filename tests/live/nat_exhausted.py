# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Masquerade where the router has no address that the world may see: NAT itself drops what it cannot translate.

  client eth0 ────── toclient router toserver ────── eth0 server
  10.52.1.2         10.52.1.1     10.52.2.1        10.52.2.2:80 listens
                     both of scope link: for this wire only
                      postrouting: masquerade ✗
"""

from expect import any_of, check, expect
from scenario import main
from topology import routed
from usual import NFT_DROPS_IN, SURE, dies, has_netfilter_links, named_rule


def unnumbered(lab):
    routed(lab)
    for device, subnet in (("toclient", 1), ("toserver", 2)):
        lab.ip("router", f"addr flush dev {device} scope global")
        lab.ip("router", f"addr add {lab.v4(subnet, 1)}/24 dev {device} scope link")
    lab.listener("server", lab.v4(2, 2), 80)


def exhausted(lab, function, where):
    place = {"netns": lab.inode("router"), "stage": "postrouting", "device": "toserver", "function": function, "reason": "NETFILTER_DROP"}
    return {"fate": "dropped", "cause": "nat_exhausted", "packet": "syn", "where": {**place, **where}, "confidence": SURE}


def nft(lab):
    unnumbered(lab)
    rules = "ip daddr 192.0.2.1 masquerade; masquerade"
    lab.nft("router", f"table ip lab {{ chain post {{ type nat hook postrouting priority 100; {rules}; }}; }}")
    rule = named_rule("masquerade", "post", number=2)
    dies(lab, "client", lab.v4(2, 2), 80, {**exhausted(lab, NFT_DROPS_IN, rule), "confidence": "exact"})


def iptables_nft(lab):
    unnumbered(lab)
    lab.iptables("router", "iptables-nft", "-t nat -A POSTROUTING -o toserver -j MASQUERADE")
    rule = named_rule("-A POSTROUTING -o toserver -j MASQUERADE", "POSTROUTING", "iptables-nft", table="nat")
    dies(lab, "client", lab.v4(2, 2), 80, exhausted(lab, NFT_DROPS_IN, rule))


def iptables_legacy(lab):
    """The table is behind NAT's hook entry: the entry is named, and which of its rules it was may not be."""
    unnumbered(lab)
    lab.iptables("router", "iptables-legacy", "-t nat -A POSTROUTING -o toserver -j MASQUERADE")
    expected = exhausted(lab, "nf_hook_slow", {})
    if not has_netfilter_links():
        expected["cause"] = any_of("nat_exhausted", "netfilter_drop")
    row = dies(lab, "client", lab.v4(2, 2), 80, expected)[0]
    if row["cause"] == "nat_exhausted":
        check(any("nf_nat_" in words for words in row["evidence"]), f"NAT's entry is not in {row['evidence']}")
    rule = row["where"]["rule"]
    if rule is not None and rule["number"] is not None:
        expect(named_rule("-A POSTROUTING -o toserver -j MASQUERADE", "POSTROUTING", "iptables-legacy", table="nat"), row["where"])


if __name__ == "__main__":
    main(52, __doc__, nft, iptables_nft, iptables_legacy)
