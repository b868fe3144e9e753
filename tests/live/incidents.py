# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Incidents that people wrote pages of theories about, each made again, and the row that ends it. docs/incidents.md has what synfate says here
word for word: `transcripts.py` compares it.

  pods eth0 ─── veth… cni0 (10.114.1.254) node tun0 ─── (the world, as each incident has it)
"""

import os

from accept_queue_full import THREE_SYNS
from expect import any_of, check, contains, satisfies
from kube_rules import service
from lab import HERE
from made_pods import Place, forget_engines, write
from scenario import main
from tool import once
from transcripts import compare, rows_of, told

POLICY_ID, POD_ID = "DXDPAIVDQBXOZ2S7", "4BDGZEWEU32YM75H"


class Node:
    """A bridge with pods on it, named as containerd names them, and a way out."""

    def __init__(self, lab):
        forget_engines()
        self.lab, self.place = lab, Place(lab)
        lab.netns("node")
        lab.bridge("node", "cni0")
        lab.address("node", "cni0", lab.v4(1, 254))
        lab.forwarding("node")
        # A redirect takes the ICMP error's place in the kernel's rate limit, up to 6.1 at least.
        for device in ("all", "cni0"):
            lab.sysctl("node", f"net.ipv4.conf.{device}.send_redirects", 0)

    def pod(self, namespace, name):
        pod = self.place.pod(name)
        write(pod.containerd, pod.containerd_says(sandbox_namespace=namespace))
        device = f"veth{len(self.lab.inodes):08x}"
        self.lab.veth("node", device, pod.netns_name, "eth0")
        self.lab.later("node", f"link set {device} master cni0")
        self.lab.route(pod.netns_name, f"{self.lab.v4(1, 254)} dev eth0", f"default via {self.lab.v4(1, 254)} dev eth0 src {pod.address}")
        self.lab.settle()
        return pod


def policy(pod, namespace, name):
    """kube-router's, as k3s has it inside: a policy that selects the pod and admits nobody."""
    firewall = f"KUBE-POD-FW-{POD_ID}"
    where = f"POD name:{pod.name} namespace: {namespace}"
    return f"""*filter
:KUBE-ROUTER-FORWARD - [0:0]
:{firewall} - [0:0]
:KUBE-NWPLCY-{POLICY_ID} - [0:0]
-A FORWARD -m comment --comment "kube-router netpol - TEMCG2JMHZYE7H7T" -j KUBE-ROUTER-FORWARD
-A KUBE-ROUTER-FORWARD -d {pod.address}/32 -m comment --comment "rule to jump traffic destined to {where} to chain {firewall}" -j {firewall}
-A {firewall} -m comment --comment "rule for stateful firewall for pod" -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A {firewall} -m comment --comment "rule to drop invalid state for pod" -m conntrack --ctstate INVALID -j DROP
-A {firewall} -d {pod.address}/32 -m comment --comment "run through nw policy {name}" -j KUBE-NWPLCY-{POLICY_ID}
-A {firewall} -m comment --comment "rule to REJECT traffic destined for {where}" -m mark ! --mark 0x10000/0x10000 -j REJECT --reject-with icmp-port-unreachable
COMMIT
"""


def default_deny(lab):
    """k3s: pods of one namespace reach no service of another. The policy is named, and the ICMP error that the client gets is."""
    node = Node(lab)
    simulator, collector = node.pod("testbed", "simulator"), node.pod("observability", "otel-collector")
    target = f"{collector.address}:4317"
    lab.listener(collector.netns_name, collector.address, 4317)
    lab.run("node", "iptables-nft-restore", stdin=service("observability/otel-collector", lab.v4(96, 7), 4317, target) + policy(collector, "observability", "default-deny"))
    expected = {
        "fate": "refused",
        "cause": "netfilter_reject",
        "client": {"pod": "testbed/simulator"},
        "server": {"service": "observability/otel-collector"},
        "where": {"stage": "forward", "rule": {"chain": f"KUBE-POD-FW-{POD_ID}", "number": 4, "backend": "iptables-nft"}},
        "means": {"kind": "NetworkPolicy", "engine": "kube-router", "text": contains("default-deny")},
    }
    told(lab, "default_deny", lambda: lab.connect(simulator.netns_name, lab.v4(96, 7), 4317), expected)


def default_deny_elsewhere(lab):
    """The same where the pod that is asked for is on another node: the policy is enforced there, and only its ICMP error comes here."""
    node = Node(lab)
    simulator = node.pod("testbed", "simulator")
    # Its ICMP errors are the other node's kernel's, in the name of the pod.
    lab.tun("node", "tun0", lab.v4(5, 1), mode="icmp-port")
    lab.settle()
    lab.run("node", "iptables-nft-restore", stdin=service("observability/otel-collector", lab.v4(96, 7), 4317, f"{lab.v4(5, 3)}:4317"))
    expected = {
        "fate": "refused",
        "cause": "icmp_from_peer",
        "client": {"pod": "testbed/simulator"},
        "server": {"service": "observability/otel-collector"},
        "where": {"device": "tun0", "stage": "beyond"},
    }
    told(lab, "default_deny_elsewhere", lambda: lab.connect(simulator.netns_name, lab.v4(96, 7), 4317), expected)


def connector(lab):
    """A managed database: SYNs leave for the connector, which answers nothing, and the driver gives up after its own 20 seconds, here 2.5."""
    node = Node(lab)
    api = node.pod("shop", "api-0")
    lab.tun("node", "tun0", lab.v4(5, 1))
    lab.settle()
    expected = {"fate": "unanswered", "cause": "left_node", "client": {"pod": "shop/api-0"}, "where": {"device": "tun0", "stage": "beyond"}}
    told(lab, "connector", lambda: lab.connect(api.netns_name, lab.v4(5, 9), 5432, timeout=2.5), expected, until="by itself")


def connection_limit(lab):
    """The connector has reached its limit: every second SYN gets no answer. The others are no rows, and this one is not this node's doing."""
    node = Node(lab)
    api = node.pod("shop", "api-0")
    lab.netns("connector")
    lab.veth("node", "uplink", "connector", "eth0")
    lab.address("node", "uplink", lab.v4(6, 1))
    lab.address("connector", "eth0", lab.v4(6, 9))
    lab.tun("node", "tun0", lab.v4(5, 1))
    lab.route("connector", f"default via {lab.v4(6, 1)}")
    lab.settle()
    lab.listener("connector", lab.v4(6, 9), 5432)
    # Half of the SYNs go where nobody answers: as the connector does it, nothing of it is to be seen on the node.
    lab.nft(
        "node",
        f"""table ip beyond {{ chain half {{ type nat hook prerouting priority -90;
              ip daddr {lab.v4(7, 9)} tcp dport 5432 dnat to numgen inc mod 2 map {{ 0 : {lab.v4(6, 9)}, 1 : {lab.v4(5, 9)} }}; }}; }}""",
    )
    outcomes = []

    def four():
        outcomes[:] = [lab.connect(api.netns_name, lab.v4(7, 9), 5432, timeout=2.5)["errno"] for _ in range(4)]

    told(lab, "connection_limit", four, {"fate": "unanswered", "cause": "left_node", "where": {"stage": "beyond"}}, rows=2)
    check(sorted(outcomes, key=str) == [0, 0, None, None], f"the lab does not work: {outcomes}")


def empty_reply(lab):
    """A load balancer's proxy takes the connection, and closes it without a word: it has no backend to give it to."""
    node = Node(lab)
    web, proxy = node.pod("shop", "web-0"), node.pod("ingress", "proxy-0")
    lab.helper(proxy.netns_name, "strict_server.py", proxy.address, 8443, "unread")
    lab.run("node", "iptables-nft-restore", stdin=service("ingress/proxy:https", lab.v4(96, 9), 4317, f"{proxy.address}:8443"))
    expected = {
        "fate": "closed_early",
        "cause": "reset_by_app",
        "client": {"pod": "shop/web-0"},
        "server": {"pod": "ingress/proxy-0"},
        "where": {"pod": "ingress/proxy-0", "stage": "socket"},
    }

    def ask():
        client = lab.agent(web.netns_name, "linger", lab.v4(96, 9), 4317, "GET / HTTP/1.0\r\n\r\n")
        client.report()
        check(client.report()["ended"], "the lab does not work: there was a reply")

    told(lab, "empty_reply", ask, expected)


def wrong_address(lab):
    """A second service that leads to an address where nobody listens on that port."""
    node = Node(lab)
    proxy, backend = node.pod("ingress", "proxy-0"), node.pod("shop", "backend-0")
    lab.listener(backend.netns_name, backend.address, 8080)
    lab.run("node", "iptables-nft-restore", stdin=service("shop/backend", lab.v4(96, 8), 4317, f"{backend.address}:8081"))
    expected = {"fate": "refused", "cause": "no_listener", "server": {"pod": "shop/backend-0", "service": "shop/backend"}, "where": {"stage": "socket"}}
    told(lab, "wrong_address", lambda: lab.connect(proxy.netns_name, lab.v4(96, 8), 4317), expected)


def no_local_endpoint(lab):
    """externalTrafficPolicy Local, and no endpoint on this node: kube-proxy drops what the load balancer sends here."""
    lab.netns("balancer", "node")
    lab.veth("balancer", "eth0", "node", "eth0")
    lab.address("balancer", "eth0", lab.v4(2, 2))
    lab.address("node", "eth0", lab.v4(2, 1))
    lab.forwarding("node")
    lab.settle()
    rules = """*filter
:KUBE-EXTERNAL-SERVICES - [0:0]
-A INPUT -m conntrack --ctstate NEW -m comment --comment "kubernetes externally-visible service portals" -j KUBE-EXTERNAL-SERVICES
-A KUBE-EXTERNAL-SERVICES -p tcp -m comment --comment "shop/web:http has no local endpoints" -m addrtype --dst-type LOCAL -m tcp --dport 30080 -j DROP
COMMIT
"""
    lab.run("node", "iptables-nft-restore", stdin=rules)
    expected = {
        "fate": "dropped",
        "cause": "netfilter_drop",
        "where": {"stage": "input", "rule": {"chain": "KUBE-EXTERNAL-SERVICES", "number": 1}},
        "means": {"engine": "kube-proxy", "name": "web", "text": contains("externalTrafficPolicy is Local")},
    }
    told(lab, "no_local_endpoint", lambda: lab.connect("balancer", lab.v4(2, 1), 30080), expected)


def stale_rules(lab):
    """kube-proxy no longer follows: its rules lead to a pod that is no more."""
    node = Node(lab)
    web = node.pod("shop", "web-0")
    lab.run("node", "iptables-nft-restore", stdin=service("shop/orders:http", lab.v4(96, 9), 80, f"{lab.v4(1, 77)}:8080"))
    expected = {
        "fate": any_of("dropped", "refused"),
        "cause": "neighbour_failed",
        "client": {"pod": "shop/web-0"},
        "server": {"pod": None, "service": "shop/orders:http"},
        "next": "kubectl -n shop get endpointslices -l kubernetes.io/service-name=orders",
    }
    told(lab, "stale_rules", lambda: lab.connect(web.netns_name, lab.v4(96, 9), 80, timeout=5), expected, revisions=2)


def port_clash(lab):
    """Masquerading leaves two connections one port: the second one's SYN dies when conntrack is to take it in. Once there is room, a
    retransmit gets through, and the connection is there after exactly a second."""
    node = Node(lab)
    web = node.pod("shop", "web-0")
    lab.netns("db")
    lab.veth("node", "uplink", "db", "eth0")
    lab.address("node", "uplink", lab.v4(6, 1))
    lab.address("db", "eth0", lab.v4(6, 9))
    lab.settle()
    lab.listener("db", lab.v4(6, 9), 5432)
    rules = "table ip nat {{ chain post {{ type nat hook postrouting priority 100; oifname uplink ip protocol tcp snat to {}:{}; }}; }}"

    def second_one_late():
        lab.nft("node", "add table ip nat; delete table ip nat; " + rules.format(lab.v4(6, 1), "40000"))
        first = lab.holding(web.netns_name, lab.v4(6, 9), 5432)
        late = lab.connecting(web.netns_name, lab.v4(6, 9), 5432, timeout=20)
        lab.wait_until(lambda: lab.conntrack_counter("node", "insert_failed") > failed[-1], "conntrack has refused nothing")
        failed.append(lab.conntrack_counter("node", "insert_failed"))
        lab.nft("node", "delete table ip nat; " + rules.format(lab.v4(6, 1), "40001-40999"))
        outcome = late.outcome(30)
        first.close()
        check(outcome["errno"] == 0 and outcome["elapsed"] > 0.9, f"the lab does not work: {outcome}")

    failed = [0]
    expected = {
        "fate": "established",
        "cause": "established",
        "client": {"pod": "shop/web-0"},
        "notes": satisfies("tells of confirm", lambda notes: any("1 SYN lost in netns node at conntrack's confirm" in note for note in notes)),
        "next": "ip netns exec node conntrack -S",
    }
    told(lab, "port_clash", second_one_late, expected, revisions=2)


def table_full(_lab):
    """conntrack's table is full. Its size is the whole machine's, so this is told from what was recorded in a guest."""
    recording = os.path.join(HERE, os.pardir, "golden", "conntrack_full-ipv4", "recording.synfate")
    compare("table_full", rows_of(once("replay", recording).stdout.splitlines()))


def accept_queue(lab):
    """A pod that is Running and whose process does not accept(): its accept queue of 128 is full."""
    node = Node(lab)
    api, web = node.pod("shop", "api-0"), node.pod("shop", "web-0")
    lab.sysctl(web.netns_name, "net.core.somaxconn", 128)
    lab.full_listener(web.netns_name, web.address, 8080, backlog=511, connections=129)
    expected = {
        "fate": "dropped",
        "cause": "accept_queue_full",
        "client": {"pod": "shop/api-0"},
        "server": {"pod": "shop/web-0"},
        "where": {"stage": "socket", "pod": "shop/web-0"},
        "confidence": "strong",
    }
    told(lab, "accept_queue", lambda: lab.connect(api.netns_name, web.address, 8080, timeout=THREE_SYNS), expected, revisions=2)


def asymmetric_route(lab):
    """A node with two cards, on two networks of one router: the router answers by the other one, and the node refuses the answer."""
    lab.netns("node", "router")
    for subnet, device, beyond in ((3, "eth0", "one"), (4, "eth1", "two")):
        lab.veth("node", device, "router", beyond)
        lab.address("node", device, lab.v4(subnet, 2))
        lab.address("router", beyond, lab.v4(subnet, 1))
    lab.address("router", "lo", lab.v4(8, 9) + "/32")
    lab.route("node", f"{lab.v4(8, 0)}/24 via {lab.v4(3, 1)}")
    lab.route("router", f"{lab.v4(3, 2)}/32 via {lab.v4(4, 2)}")
    lab.settle()
    for netns, device, value in (("router", "all", 0), ("router", "one", 0), ("node", "all", 1), ("node", "eth1", 0)):
        lab.sysctl(netns, f"net.ipv4.conf.{device}.rp_filter", value)
    # The router's ARP request would carry the same source, and be refused for the same reason.
    lab.neighbours("router", "two", "node", "eth1", lab.v4(4, 2))
    lab.listener("router", lab.v4(8, 9), 443)
    expected = {"fate": "dropped", "cause": "rp_filter", "packet": "synack", "where": {"device": "eth1", "stage": "route_in"}}
    told(lab, "asymmetric_route", lambda: lab.connect("node", lab.v4(8, 9), 443), expected)


INCIDENTS = (
    default_deny,
    default_deny_elsewhere,
    connector,
    connection_limit,
    asymmetric_route,
    empty_reply,
    wrong_address,
    no_local_endpoint,
    stale_rules,
    port_clash,
    table_full,
    accept_queue,
)

if __name__ == "__main__":
    main(114, __doc__, *INCIDENTS)
