# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Pods and node containers by their names, from the host: real containers labelled as kind labels its nodes, a real containerd in each, and real
sandboxes that its CNI plugins wired. No kubelet and no API server is there to ask, and synfate asks no runtime.

  machine (dockerd) ── br-… ──┬── lab-worker   ──┬── shop/web-0        10.244.1.0/24
                              │                  └── shop/db-0
                              └── lab-worker2  ───── shop/web-0 of another node, with the same address
"""

import json
import os
import shutil

import tool
from expect import check, expect
from kind_nodes import Docker
from kube_rules import chain
from scenario import main

UID = "0b9c2a64-52f1-4222-8333-00000000000{}".format


def inventory(*words):
    done = tool.once("pods", "--json", *words, timeout=60)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    return {line["netns"]: line for line in lines if line["type"] == "netns"}, lines


def nodes_and_pods(lab):
    docker = Docker(lab)
    docker.network("kind", "172.18.0.0/16")
    worker = docker.node("lab-worker", "lab")
    other = docker.node("lab-worker2", "lab")
    web, db = worker.pod("shop", "web-0", UID(1)), worker.pod("shop", "db-0", UID(2))
    twin = other.pod("shop", "web-0", UID(3))
    hosted = worker.pod("kube-system", "kube-proxy-x", UID(4), host_network=True)
    alone = docker.container("registry")
    found, lines = inventory()
    for node in (worker, other):
        expect({"node": node.name, "pod": None, "node_container": {"name": node.name, "cluster": "lab", "role": "worker"}}, found[node.netns])
    for pod in (web, db, twin):
        expect({"node": pod.node.name, "pod": {"namespace": pod.namespace, "name": pod.name, "uid": pod.uid, "addresses": [pod.address]}}, found[pod.netns])
        check(found[pod.netns]["pod"]["doubt"] is None, f"doubt: {found[pod.netns]['pod']}")
        cable = [device["peer"] for device in found[pod.netns]["devices"] if device["name"] == "eth0"][0]
        check(cable["device"] == found[pod.netns]["pod"]["host_device"], f"the cable ends at {cable}, the pod's at {found[pod.netns]['pod']}")
    check(web.address == twin.address, "the two have different addresses, so this shows less")
    check(hosted.netns == worker.netns, "a pod in the node's namespace is not there")
    expect({"node": "lab-worker", "netns": worker.netns, "pod": {"name": "kube-proxy-x", "host_network": True}}, *[line for line in lines if line["type"] == "pod"])
    expect({"node": None, "pod": None, "container": "registry"}, found[os.stat(f"/proc/{alone}/ns/net").st_ino])
    said = tool.once("pods", timeout=60).stdout
    for words in ("(node of lab, worker)", "shop/web-0", "shop/db-0", "kube-system/kube-proxy-x"):
        check(words in said, f"{words} is not in: {said}")


KUBE_PROXY = """*nat
:PREROUTING ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:KUBE-SERVICES - [0:0]
:KUBE-SVC-{web} - [0:0]
:KUBE-SEP-{endpoint} - [0:0]
-A PREROUTING -m comment --comment "kubernetes service portals" -j KUBE-SERVICES
-A OUTPUT -m comment --comment "kubernetes service portals" -j KUBE-SERVICES
-A KUBE-SERVICES -d 10.96.0.10/32 -p tcp -m comment --comment "shop/web:http cluster IP" -m tcp --dport 80 -j KUBE-SVC-{web}
-A KUBE-SVC-{web} -m comment --comment "shop/web:http -> {address}:8080" -j KUBE-SEP-{endpoint}
-A KUBE-SEP-{endpoint} -p tcp -m comment --comment "shop/web:http" -m tcp -j DNAT --to-destination {address}:8080
COMMIT
*filter
:FORWARD ACCEPT [0:0]
:KUBE-SERVICES - [0:0]
-A FORWARD -m conntrack --ctstate NEW -m comment --comment "kubernetes service portals" -j KUBE-SERVICES
-A KUBE-SERVICES -d 10.96.0.20/32 -p tcp -m comment --comment "shop/reports has no endpoints" -m tcp --dport 80 -j REJECT --reject-with icmp-port-unreachable
COMMIT
"""


def a_row_in_their_words(lab):
    """A pod asks for two services: one leads to a pod where nobody listens, one has no endpoints."""
    docker = Docker(lab)
    docker.network("kind", "172.18.0.0/16")
    worker = docker.node("lab-worker", "lab")
    web, db = worker.pod("shop", "web-0", UID(1)), worker.pod("shop", "db-0", UID(2))
    names = {"web": chain("shop/web:http", "tcp"), "endpoint": chain("shop/web:http", "tcp", f"{web.address}:8080"), "address": web.address}
    worker.run("iptables-restore", stdin=KUBE_PROXY.format(**names))
    worker.run("sysctl", "-q", "-w", "net.ipv4.ip_forward=1")
    synfate = lab.synfate("trace", "--host", db.address)
    db.connect("10.96.0.10", 80)
    db.connect("10.96.0.20", 80)
    client = {"client": {"netns": db.netns, "node": "lab-worker", "pod": "shop/db-0"}}
    refused = synfate.expect_attempt({**client, "flow": {"dst": "10.96.0.10"}}, {"fate": "refused", "cause": "no_listener"})
    expect({"server": {"netns": web.netns, "node": "lab-worker", "pod": "shop/web-0", "service": "shop/web:http"}, "nat": {"dst": web.address}}, refused)
    expect({"where": {"node": "lab-worker", "pod": "shop/web-0"}}, refused)
    rejected = synfate.expect_attempt({**client, "flow": {"dst": "10.96.0.20"}}, {"fate": "refused", "cause": "netfilter_reject"})
    expect({"where": {"node": "lab-worker", "pod": None, "rule": {"chain": "KUBE-SERVICES", "comment": "shop/reports has no endpoints"}}}, rejected)
    expect({"server": {"service": "shop/reports"}, "means": {"kind": "Service", "engine": "kube-proxy", "namespace": "shop", "name": "reports"}}, rejected)
    synfate.stop()


def comes_and_goes(lab):
    """A pod that comes while tracing, and is gone by the time that its attempt is judged, still has its name."""
    docker = Docker(lab)
    docker.network("kind", "172.18.0.0/16")
    worker = docker.node("lab-worker", "lab")
    worker.pod("shop", "web-0", UID(1))
    synfate = lab.synfate("trace", "--host", "10.244.1.0/24")
    late = worker.pod("shop", "late-0", UID(5))
    late.connect("10.244.1.1", 81)
    late.remove()
    synfate.expect_attempt({"client": {"netns": late.netns}}, {"fate": "refused", "client": {"pod": "shop/late-0", "node": "lab-worker"}})
    synfate.stop()


def by_name(lab):
    """Two pods of two nodes have one address: --pod and --node tell them apart, also where a SYN dies before it reaches the pod."""
    docker = Docker(lab)
    docker.network("kind", "172.18.0.0/16")
    worker, other = docker.node("lab-worker", "lab"), docker.node("lab-worker2", "lab")
    web, db = worker.pod("shop", "web-0", UID(1)), other.pod("shop", "db-0", UID(2))
    check(web.address == db.address, "the two have different addresses, so this shows less")
    for node in (worker, other):
        node.run("iptables", "-A", "OUTPUT", "-d", web.address, "-p", "tcp", "-j", "DROP")
    for arguments, expected in (
        (("--pod", "shop/web-0"), {81, 83}),
        (("--pod", "shop/db-0"), {82, 84}),
        (("--node", "lab-worker2"), {82, 84}),
        (("--node", "lab-worker", "--pod", "shop/db-0"), set()),
    ):
        synfate = lab.synfate("trace", *arguments)
        web.connect("10.244.1.1", 81)
        db.connect("10.244.1.1", 82)
        worker.connect(web.address, 83)
        other.connect(db.address, 84)
        for port in expected:
            synfate.wait_attempt({"flow": {"dport": port}})
        ports = {row["flow"]["dport"] for row in synfate.stop().attempts()}
        check(ports == expected, f"{' '.join(arguments)}: rows for ports {sorted(ports)}, expected {sorted(expected)}")
    nobody = tool.once("trace", "--pod", "shop/nobody", "--for", "100ms", timeout=60)
    check("no pod shop/nobody is known" in nobody.stdout + nobody.stderr, f"said {nobody.stdout} {nobody.stderr}")
    wrong = tool.once("trace", "--pod", "web-0")
    check(wrong.returncode == 1 and "NAMESPACE/NAME" in wrong.stderr, f"{wrong.returncode}: {wrong.stderr}")


def hosted_by_name(lab):
    """A pod in the network of its node: what its own processes send has its name, what the node sends has not, and that this is all is said."""
    docker = Docker(lab)
    docker.network("kind", "172.18.0.0/16")
    worker = docker.node("lab-worker", "lab")
    web = worker.pod("shop", "web-0", UID(1))
    hosted = worker.pod("kube-system", "kube-proxy-x", UID(4), host_network=True)
    worker.run("iptables", "-A", "OUTPUT", "-d", web.address, "-p", "tcp", "-j", "DROP")
    synfate = lab.synfate("trace", "--pod", "kube-system/kube-proxy-x")
    worker.connect(web.address, 81)
    hosted.connect_as_member(web.address, 82)
    row = synfate.expect_attempt({"flow": {"dport": 82}}, {"fate": "dropped", "client": {"pod": "kube-system/kube-proxy-x", "node": "lab-worker"}})
    expect({"where": {"node": "lab-worker", "rule": {"chain": "OUTPUT"}}}, row)
    ended = synfate.stop()
    ports = {row["flow"]["dport"] for row in ended.attempts()}
    check(ports == {82}, f"rows for ports {sorted(ports)}")
    check(any(line.get("code") == "pod_of_host" for line in ended.lines), f"it does not say that this is all: {ended.lines}")


def from_inside(lab):
    """In a node container its own pods have their names, and it says that there is more."""
    docker = Docker(lab)
    docker.network("kind", "172.18.0.0/16")
    worker, other = docker.node("lab-worker", "lab"), docker.node("lab-worker2", "lab")
    web, twin = worker.pod("shop", "web-0", UID(1)), other.pod("shop", "web-0", UID(2))
    shutil.copy(tool.binary(), worker.files)
    lines = [json.loads(line) for line in docker.try_docker("exec", worker.name, "/lab/synfate", "pods", "--json").stdout.splitlines()]
    found = {line["netns"]: line for line in lines if line["type"] == "netns"}
    expect({"pod": {"namespace": "shop", "name": "web-0"}}, found[web.netns])
    check(twin.netns not in found, "it sees another node's pod")
    check(any(gap["code"] == "inside_container" for gap in lines[-1]["gaps"]), f"it does not say where it is: {lines[-1]}")


if __name__ == "__main__":
    main(66, __doc__, nodes_and_pods, a_row_in_their_words, comes_and_goes, by_name, hosted_by_name, from_inside)
