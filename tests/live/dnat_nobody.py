# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""NAT mistakes that drop nothing: the SYN is sent to an address that nobody has, by a translation that the rules no longer make, or leaves with
a service's address still on it.

  client eth0 ── veth… cni0 (10.117.1.254) node tun0 (10.117.5.1) ── nobody answers
  10.117.1.2      service 10.117.96.7:80 → 10.117.1.99:8080, which nobody has; or → 10.117.5.9, beyond tun0
"""

import kube_rules
from expect import any_of, check, contains, expect
from scenario import main
from usual import dies

OLD_PORT = 30001
SURE = any_of("exact", "strong")


def node(lab, ipv6=False):
    """A bridge whose ports are cables to namespaces, and a way out."""
    lab.netns("node", "client")
    lab.bridge("node", "cni0")
    lab.address("node", "cni0", *lab.both(1, 254))
    lab.veth("node", "vethclient", "client", "eth0")
    lab.later("node", "link set vethclient master cni0")
    lab.address("client", "eth0", *lab.both(1, 2))
    lab.route("client", f"default via {lab.v4(1, 254)}", f"::/0 via {lab.v6(1, 254)}")
    lab.forwarding("node")
    lab.tun("node", "tun0", *lab.both(5, 1))
    lab.settle()


def service(lab, target):
    """kube-proxy's rules for shop/web, in the place of what they were."""
    lab.run("node", "iptables-nft-restore", stdin=kube_rules.service("shop/web:http", lab.v4(96, 7), 80, target))


def told(row, *parts):
    said = "\n".join(row["evidence"])
    for part in parts:
        check(part in said, f"{part!r} is not in: {said}")


def not_told(row, *parts):
    said = "\n".join(row["evidence"])
    for part in parts:
        check(part not in said, f"{part!r} is in: {said}")


def gone_pod(lab):
    """kube-proxy's rules lead to a pod that is no more."""
    node(lab)
    service(lab, f"{lab.v4(1, 99)}:8080")
    expected = {"fate": any_of("dropped", "refused"), "cause": "neighbour_failed", "confidence": SURE, "server": {"service": "shop/web:http"}}
    row = dies(lab, "client", lab.v4(96, 7), 80, expected, timeout=5, patience=8)[0]
    told(row, f"DNAT in netns node sent it to {lab.v4(1, 99)}:8080, an endpoint of service shop/web:http by the rules of netns node")
    told(row, f"behind cni0 in netns node are only network namespaces that were read, and none of them has the address {lab.v4(1, 99)}")
    expect({"next": "kubectl -n shop get endpointslices -l kubernetes.io/service-name=web"}, row)


def parked(lab):
    """The same while ARP still asks."""
    node(lab)
    service(lab, f"{lab.v4(1, 99)}:8080")
    expected = {"fate": any_of("parked", "dropped", "refused"), "cause": any_of("neighbour_unresolved", "neighbour_failed")}
    row = dies(lab, "client", lab.v4(96, 7), 80, expected, timeout=1.5)[0]
    told(row, "nobody there has it")


def ipv6(lab):
    """DNAT by a rule that is no engine's."""
    node(lab)
    to = f"ip6 daddr {lab.v6(96, 7)} tcp dport 80 dnat to [{lab.v6(1, 99)}]:8080;"
    lab.nft("node", f"table ip6 lab {{ chain pre {{ type nat hook prerouting priority -100; {to} }}; }}")
    row = dies(lab, "client", lab.v6(96, 7), 80, {"cause": "neighbour_failed"}, timeout=5, patience=8)[0]
    told(row, f"DNAT in netns node sent it to [{lab.v6(1, 99)}]:8080", "nobody there has it")
    expect({"next": contains("conntrack -L -f ipv6 -p tcp")}, row)


def off_its_bridge(lab):
    """A near miss: the address is somebody's, who does not answer."""
    node(lab)
    lab.netns("lost")
    lab.address("lost", "lo", lab.v4(1, 99) + "/32")
    lab.settle()
    service(lab, f"{lab.v4(1, 99)}:8080")
    row = dies(lab, "client", lab.v4(96, 7), 80, {"cause": "neighbour_failed"}, timeout=5, patience=8)[0]
    told(row, f"{lab.v4(1, 99)} is an address of netns lost")
    not_told(row, "nobody there has it")


def bridge_leads_out(lab):
    """A near miss: the bridge has a port to another machine, which may have the address."""
    node(lab)
    lab.netns("switch")
    lab.veth("node", "uplink", "switch", "port1")
    lab.bridge("switch", "br0", "port1")
    lab.later("node", "link set uplink master cni0")
    lab.settle()
    service(lab, f"{lab.v4(1, 99)}:8080")
    row = dies(lab, "client", lab.v4(96, 7), 80, {"cause": "neighbour_failed"}, timeout=5, patience=8)[0]
    told(row, "another machine may have it, behind its port uplink, whose other end is a port of another device")
    not_told(row, "nobody there has it")


def old_translation(lab):
    """conntrack keeps the translation of a connection whose port the client uses again, and the rules lead elsewhere by then."""
    node(lab)
    lab.has_module("nf_conntrack_netlink")
    service(lab, f"{lab.v4(5, 9)}:8080")
    lab.connect("client", lab.v4(96, 7), 80, sport=OLD_PORT)
    service(lab, f"{lab.v4(1, 2)}:8080")
    synfate = lab.synfate("trace", "--host", lab.v4(96, 7))
    lab.connect("client", lab.v4(96, 7), 80, sport=OLD_PORT, timeout=1.5)
    row = synfate.expect_attempt({"flow": {"sport": OLD_PORT}}, {"fate": "unanswered", "cause": "left_node", "where": {"device": "tun0"}})
    synfate.stop()
    told(row, f"DNAT in netns node sent it to {lab.v4(5, 9)}:8080, which is no endpoint of service shop/web:http")
    told(row, f"as they are now ({lab.v4(1, 2)}:8080)", "conntrack of netns node keeps that translation")
    expect({"next": f"ip netns exec node conntrack -L -p tcp -s {lab.v4(1, 2)} --sport {OLD_PORT} -d {lab.v4(96, 7)}"}, row)


def rule_came_later(lab):
    """The other way about: conntrack has the connection untranslated, from before there was a rule."""
    node(lab)
    lab.has_module("nf_conntrack_netlink")
    lab.route("node", f"{lab.v4(96, 0)}/24 dev tun0")
    lab.iptables("node", "iptables-nft", "-t nat -N KUBE-SERVICES")
    lab.iptables("node", "iptables-nft", "-t nat -A PREROUTING -j KUBE-SERVICES")
    # Whoever asks for the state of connections makes conntrack begin.
    lab.iptables("node", "iptables-nft", "-A FORWARD -m conntrack --ctstate ESTABLISHED -j ACCEPT")
    lab.connect("client", lab.v4(96, 7), 80, sport=OLD_PORT)
    service(lab, f"{lab.v4(1, 2)}:8080")
    synfate = lab.synfate("trace", "--host", lab.v4(96, 7))
    lab.connect("client", lab.v4(96, 7), 80, sport=OLD_PORT, timeout=1.5)
    row = synfate.expect_attempt({"flow": {"sport": OLD_PORT}}, {"fate": "unanswered", "cause": "left_node", "where": {"device": "tun0"}, "nat": None})
    synfate.stop()
    told(row, f"{lab.v4(96, 7)}:80 is the cluster IP of service shop/web:http", "has this connection without a translation")
    expect({"next": contains(f"conntrack -L -p tcp -s {lab.v4(1, 2)} --sport {OLD_PORT}")}, row)


def wrong_port(lab):
    """The service has no such port: no rule translates it, and it leaves with the service's address."""
    node(lab)
    lab.route("node", f"{lab.v4(96, 0)}/24 dev tun0")
    service(lab, f"{lab.v4(1, 2)}:8080")
    row = dies(lab, "client", lab.v4(96, 7), 8080, {"fate": "unanswered", "cause": "left_node", "where": {"device": "tun0"}}, timeout=1.5)[0]
    told(row, f"{lab.v4(96, 7)} is the cluster IP of service shop/web by the rules of netns node, which know of TCP port 80 and not of 8080")
    expect({"next": "kubectl -n shop get service web"}, row)


def nobodys_service(lab):
    """A near miss: what leaves is no service's."""
    node(lab)
    service(lab, f"{lab.v4(1, 2)}:8080")
    row = dies(lab, "client", lab.v4(5, 9), 80, {"fate": "unanswered", "cause": "left_node"}, timeout=1.5)[0]
    not_told(row, "service", "translat", "DNAT")


if __name__ == "__main__":
    main(117, __doc__, gone_pod, parked, ipv6, off_its_bridge, bridge_leads_out, old_translation, rule_came_later, wrong_port, nobodys_service)
