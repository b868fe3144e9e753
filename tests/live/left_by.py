# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Which way an unanswered SYN left: the route, its gateway, and the gateway's MAC address, as far as what was read fits what was seen.

  client eth0 ────── toclient router tap0 ─ ─ ─ ─ gateway 10.116.2.254 (silent)
  10.116.1.2         10.116.1.1      10.116.2.1
"""

from expect import Matcher, check, contains, says
from scenario import main
from topology import routed
from usual import TWO_SYNS, dies

MAC = "02:75:00:00:00:fe"


def unanswered(lab, netns, device, **more):
    where = {"netns": lab.inode(netns), "stage": "beyond", "device": device}
    return {"fate": "unanswered", "cause": "left_node", "packet": "syn", "where": where, **more}


def says_nothing_of(part):
    return Matcher(f"no sentence with {part!r}", lambda lines: not any(part in line for line in lines))


def beyond_a_gateway(lab, gateway, destination, prefix):
    routed(lab, server=False)
    lab.tun("router", "tap0", *lab.both(2, 1), mode="ethernet")
    lab.later("router", f"neigh replace {gateway} lladdr {MAC} dev tap0 nud permanent")
    lab.route("router", f"{prefix} via {gateway} dev tap0")
    lab.settle()
    said = says(
        f"by the route {prefix} via {gateway} dev tap0, table main",
        f"the next hop is the gateway {gateway}: {MAC}, PERMANENT",
        "look beyond tap0",
    )
    summary = {"confidence": "strong", "evidence": said, "next": contains("tcpdump -nni tap0")}
    row, _, _ = dies(lab, "client", destination, 80, unanswered(lab, "router", "tap0", **summary), timeout=TWO_SYNS)
    check(row["gives_up_after_s"] > 60, f"when it gives up: {row['gives_up_after_s']}")


def ipv4(lab):
    beyond_a_gateway(lab, lab.v4(2, 254), lab.v4(9, 9), f"{lab.v4(9, 0)}/24")


def ipv6(lab):
    beyond_a_gateway(lab, lab.v6(2, 254), lab.v6(9, 9), f"{lab.v6(9, 0)[:-1]}/64")


def on_link(lab):
    routed(lab, server=False)
    lab.tun("router", "tap0", lab.v4(2, 1), mode="ethernet")
    lab.later("router", f"neigh replace {lab.v4(2, 99)} lladdr {MAC} dev tap0 nud permanent")
    lab.settle()
    said = says(f"by the route {lab.v4(2, 0)}/24 dev tap0", f"the next hop is the destination {lab.v4(2, 99)} itself, on link: {MAC}, PERMANENT")
    dies(lab, "client", lab.v4(2, 99), 80, unanswered(lab, "router", "tap0", evidence=said), timeout=TWO_SYNS)


def by_a_mark(lab):
    """Another route than the one that is read afterwards: no gateway is named."""
    routed(lab, server=False)
    lab.tun("router", "tun0", lab.v4(2, 1))
    lab.tun("router", "tun1", lab.v4(3, 1))
    lab.route("router", f"{lab.v4(9, 0)}/24 dev tun0", f"{lab.v4(9, 0)}/24 dev tun1 table 75")
    lab.later("router", "rule add fwmark 7 lookup 75")
    lab.settle()
    lab.nft("router", "table ip lab { chain in { type filter hook prerouting priority -150; tcp dport 80 meta mark set 7; }; }")
    said = says("what sent it there was not read: the route now is", f"{lab.v4(9, 0)}/24 dev tun0", "without a mark; netns router has 1 ip rule of its own")
    dies(lab, "client", lab.v4(9, 9), 80, unanswered(lab, "router", "tun1", evidence=said), timeout=TWO_SYNS)


def through_a_bridge(lab):
    """From port to port: no route of that namespace decided anything, whatever it would say."""
    lab.netns("client", "switch")
    lab.veth("client", "eth0", "switch", "toclient")
    lab.tun("switch", "tap0", mode="ethernet")
    lab.bridge("switch", "br0", "toclient", "tap0")
    lab.address("client", "eth0", lab.v4(1, 2))
    lab.later("client", f"neigh replace {lab.v4(1, 99)} lladdr {MAC} dev eth0 nud permanent")
    lab.settle()
    silent = says_nothing_of("the route")
    dies(lab, "client", lab.v4(1, 99), 80, unanswered(lab, "switch", "tap0", evidence=silent), timeout=TWO_SYNS)


if __name__ == "__main__":
    main(116, __doc__, ipv4, ipv6, on_link, by_a_mark, through_a_bridge)
