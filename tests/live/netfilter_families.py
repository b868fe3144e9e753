# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Rules of every family that nf_tables has, on the hooks that only some of them have: a bridge's, and a device's ingress and egress.

  client eth0 ────── port1 switch port2 ────── eth0 server        the bridge's own hooks: prerouting, input, forward, output, postrouting
  10.48.1.2            br0 10.48.1.1          10.48.1.3

  client eth0 ────── toclient router toserver ────── eth0 server  a device's own hooks: ingress and egress
  10.48.1.2         10.48.1.1        10.48.2.1      10.48.2.2
"""

from scenario import main
from topology import routed
from usual import NFT_DROPS_IN, dies, named_rule

DROP = "tcp dport 80 drop"


def switched(lab):
    lab.netns("client", "switch", "server")
    lab.veth("client", "eth0", "switch", "port1")
    lab.veth("server", "eth0", "switch", "port2")
    lab.bridge("switch", "br0", "port1", "port2")
    lab.address("client", "eth0", *lab.both(1, 2))
    lab.address("server", "eth0", *lab.both(1, 3))
    lab.address("switch", "br0", *lab.both(1, 1))
    lab.settle()


def chain(family, hook, priority=0):
    """Its rule is the second of three, and only the port tells them apart."""
    rules = "; ".join(["tcp dport 81 drop", DROP, "tcp dport 80 counter drop"])
    return f"table {family} lab {{ chain here {{ type filter hook {hook} priority {priority}; {rules}; }}; }}"


def dropped(lab, netns, stage, device, family, function=NFT_DROPS_IN):
    where = {"netns": lab.inode(netns), "stage": stage, "device": device, "function": function, "reason": "NETFILTER_DROP"}
    rule = named_rule(DROP, "here", family=family, number=2)
    return {"revision": 1, "fate": "dropped", "cause": "netfilter_drop", "packet": "syn", "where": {**where, **rule}, "confidence": "exact"}


def on_a_bridge(lab, hook, device, client, destination):
    switched(lab)
    lab.listener("server", lab.v4(1, 3), 80)
    lab.nft("switch", chain("bridge", hook, -300))
    dies(lab, client, destination, 80, dropped(lab, "switch", "bridge", device, "bridge"))


def bridge_prerouting(lab):
    on_a_bridge(lab, "prerouting", "port1", "client", lab.v4(1, 3))


def bridge_input(lab):
    on_a_bridge(lab, "input", "port1", "client", lab.v4(1, 1))


def bridge_forward(lab):
    on_a_bridge(lab, "forward", "port1", "client", lab.v4(1, 3))


def bridge_output(lab):
    on_a_bridge(lab, "output", "port2", "switch", lab.v4(1, 3))


def bridge_postrouting(lab):
    on_a_bridge(lab, "postrouting", "port2", "client", lab.v4(1, 3))


def bridge_ipv6(lab):
    switched(lab)
    lab.listener("server", lab.v6(1, 3), 80)
    lab.nft("switch", chain("bridge", "forward"))
    dies(lab, "client", lab.v6(1, 3), 80, dropped(lab, "switch", "bridge", "port1", "bridge"))


def on_the_router(lab, family, hook, stage, device, address):
    routed(lab)
    lab.listener("server", address, 80)
    lab.nft("router", chain(family, hook))
    dies(lab, "client", address, 80, dropped(lab, "router", stage, device, family))


def netdev_ingress(lab):
    on_the_router(lab, "netdev", "ingress device toclient", "tc_ingress", "toclient", lab.v4(2, 2))


def netdev_ingress_ipv6(lab):
    on_the_router(lab, "netdev", "ingress device toclient", "tc_ingress", "toclient", lab.v6(2, 2))


def netdev_egress(lab):
    on_the_router(lab, "netdev", "egress device toserver", "tc_egress", "toserver", lab.v4(2, 2))


def inet_ingress(lab):
    on_the_router(lab, "inet", "ingress device toclient", "tc_ingress", "toclient", lab.v4(2, 2))


def inet_input(lab):
    routed(lab)
    lab.nft("router", chain("inet", "input"))
    dies(lab, "client", lab.v6(1, 1), 80, dropped(lab, "router", "input", "toclient", "inet"))


def ip6_forward(lab):
    on_the_router(lab, "ip6", "forward", "forward", "toclient", lab.v6(2, 2))


if __name__ == "__main__":
    on_bridges = (bridge_prerouting, bridge_input, bridge_forward, bridge_output, bridge_postrouting, bridge_ipv6)
    main(48, __doc__, *on_bridges, netdev_ingress, netdev_ingress_ipv6, netdev_egress, inet_ingress, inet_input, ip6_forward)
