# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The SYN goes straight to the server, the SYN-ACK comes back through a router that never saw a connection begin: invalid, its rule says.

          eth1 ──────────────────────────────────── eth1 the SYN's way
  client                                                  server
          eth0 ────── toclient router toserver ────── eth0 the SYN-ACK's way
  10.50.1.2         10.50.1.1  ✗  10.50.2.1        10.50.2.2:80 listens
                forward: ct state invalid drop
"""

from expect import any_of, check, expect, satisfies
from scenario import main
from topology import routed
from usual import NFT_DROPS_IN, SURE, TWO_SYNS, dies, named_rule


def asymmetric(lab):
    routed(lab)
    lab.veth("client", "eth1", "server", "eth1")
    lab.address("client", "eth1", *lab.both(3, 2))
    lab.address("server", "eth1", *lab.both(3, 3))
    lab.settle()
    lab.route("client", f"{lab.v4(2, 2)} via {lab.v4(3, 3)} src {lab.v4(1, 2)}", f"{lab.v6(2, 2)} via {lab.v6(3, 3)} src {lab.v6(1, 2)}")
    for netns in ("client", "server"):
        for device in ("all", "eth0", "eth1"):
            lab.sysctl(netns, f"net.ipv4.conf.{device}.rp_filter", 0)
    for address in lab.both(2, 2):
        lab.listener("server", address, 80)
        check(lab.connect("client", address, 80, 5)["errno"] == 0, "the lab does not work without its rule")


def invalid(lab, rule, function=NFT_DROPS_IN):
    return {
        "fate": "dropped",
        "cause": "conntrack_invalid",
        "packet": "synack",
        "where": {"netns": lab.inode("router"), "stage": "forward", "device": "toserver", "function": function, "reason": "NETFILTER_DROP", **rule},
        "confidence": SURE,
    }


def by_nft(lab, address, rules, rule):
    asymmetric(lab)
    lab.nft("router", f"table inet lab {{ chain forward {{ type filter hook forward priority 0; {rules}; }}; }}")
    dies(lab, "client", address, 80, invalid(lab, rule))


def nft(lab):
    by_nft(lab, lab.v4(2, 2), "ct state established accept; ct state invalid drop", named_rule("ct state invalid drop", family="inet", number=2))


def nft_ipv6(lab):
    by_nft(lab, lab.v6(2, 2), "ct state invalid counter; ct state invalid drop", named_rule("ct state invalid drop", family="inet", number=2))


def nft_map(lab):
    """Which state a packet is in is not in the packet: where the element is not known, neither is the cause."""
    asymmetric(lab)
    rule = "ct state vmap { established : accept, invalid : drop }"
    lab.nft("router", f"table ip lab {{ chain forward {{ type filter hook forward priority 0; {rule}; }}; }}")
    named = named_rule(satisfies("the map", lambda text: text is not None and text.startswith("ct state vmap {")))
    row = dies(lab, "client", lab.v4(2, 2), 80, {**invalid(lab, named), "cause": any_of("conntrack_invalid", "netfilter_drop")})[0]
    element = row["where"]["rule"].get("element")
    check(element is None or element.startswith("invalid"), f"the element is {element}")
    expect({"cause": "netfilter_drop" if element is None else "conntrack_invalid"}, row)


def other_states_too(lab):
    """A rule that drops what is new as well does not prove that it was invalid."""
    asymmetric(lab)
    rule = "ct state { invalid, new } drop"
    lab.nft("router", f"table ip lab {{ chain forward {{ type filter hook forward priority 0; {rule}; }}; }}")
    dies(lab, "client", lab.v4(2, 2), 80, {**invalid(lab, {}), "cause": "netfilter_drop"})


def iptables_nft(lab):
    asymmetric(lab)
    lab.iptables("router", "iptables-nft", "-A FORWARD -m conntrack --ctstate INVALID -j DROP")
    rule = named_rule("-A FORWARD -m conntrack --ctstate INVALID -j DROP", "FORWARD", "iptables-nft", table="filter")
    dies(lab, "client", lab.v4(2, 2), 80, invalid(lab, rule))


def iptables_legacy(lab):
    asymmetric(lab)
    lab.iptables("router", "iptables-legacy", "-A FORWARD -m conntrack --ctstate INVALID -j DROP")
    rule = named_rule("-A FORWARD -m conntrack --ctstate INVALID -j DROP", "FORWARD", "iptables-legacy", table="filter")
    dies(lab, "client", lab.v4(2, 2), 80, invalid(lab, rule, "nf_hook_slow"), TWO_SYNS)


if __name__ == "__main__":
    main(50, __doc__, nft, nft_ipv6, nft_map, other_states_too, iptables_nft, iptables_legacy)
