# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A kind cluster in which every connection from one node's pods to another's times out, because the machine's own firewall forwards nothing between
the ports of its bridge. The nodes' rules let everything pass.

  machine (dockerd; br_netfilter; nft: forward policy drop) ── br-… ──┬── lab-worker  ── shop/web-0   10.244.1.2
                                                                      └── lab-worker2 ── shop/db-0    10.244.2.2:5432 listens
"""

import os
import subprocess

import inside
from expect import check, contains, expect, satisfies
from kind import UID
from kind_nodes import PYTHON, Docker
from kube_rules import service
from lab import Skip
from scenario import main
from transcripts import told
from usual import dies

SECONDS = 2.5
CONNECT = f"import socket, sys; s = socket.socket(); s.settimeout({SECONDS}); sys.exit(s.connect_ex((sys.argv[1], 5432)) != 0)"
LISTEN = "import socket, sys; s = socket.socket(); s.bind((sys.argv[1], 5432)); s.listen(); print(flush=True); sys.stdin.read()"
# As many a machine has it in /etc/nftables.conf; docker's own rules are in other tables and let bridges pass.
FIREWALL = """table inet filter {
  chain forward { type filter hook forward priority 10; policy drop; ct state established,related accept; iifname "eth0" accept; };
}"""


def bridges_call_iptables(lab):
    path = "/proc/sys/net/bridge/bridge-nf-call-iptables"
    if not os.path.exists(path):
        raise Skip("no br_netfilter here: a machine's IP firewall does not see what its bridge forwards")
    with inside.entered(lab.path("machine")), open(path, "w", encoding="ascii") as file:
        file.write("1")


def cluster(lab):
    docker = Docker(lab)
    docker.network("kind", "172.18.0.0/16")
    worker, other = docker.node("lab-worker", "lab"), docker.node("lab-worker2", "lab", pods="10.244.2.0/24")
    web, db = worker.pod("shop", "web-0", UID(1)), other.pod("shop", "db-0", UID(2))
    addresses = {}
    for node in (worker, other):
        addresses[node] = docker.docker("inspect", "-f", "{{.NetworkSettings.Networks.kind.IPAddress}}", node.name)
        node.run("sysctl", "-q", "-w", "net.ipv4.ip_forward=1")
    worker.run("ip", "route", "add", other.pods, "via", addresses[other])
    other.run("ip", "route", "add", worker.pods, "via", addresses[worker])
    bridges_call_iptables(lab)
    return docker, web, db


class Listening:
    """A server in a pod."""

    def __init__(self, pod):
        argv = ["docker", "exec", "-i", pod.node.name, "nsenter", "-t", pod.inner_pid, "-n", PYTHON, "-I", "-S", "-c", LISTEN, pod.address]
        self.process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.process.stdout.readline()

    def close(self):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait()


def connects(pod, address):
    done = pod.node.docker.try_docker("exec", pod.node.name, "nsenter", "-t", pod.inner_pid, "-n", PYTHON, "-I", "-S", "-c", CONNECT, address)
    return done.returncode == 0


def hosts_firewall(lab):
    """The row names the machine's namespace and its policy, and says that no node's rule did it."""
    _, web, db = cluster(lab)
    lab.others.insert(0, Listening(db))
    check(connects(web, db.address), "the cluster does not work before the firewall comes")
    lab.nft("machine", FIREWALL)
    expected = {
        "fate": "dropped",
        "cause": "netfilter_policy",
        "packet": "syn",
        "client": {"pod": "shop/web-0", "node": "lab-worker"},
        "where": {
            "netns": lab.inode("machine"),
            "node": None,
            "pod": None,
            "stage": "forward",
            "rule": {"backend": "nft", "family": "inet", "table": "filter", "chain": "forward", "policy": True},
        },
        "evidence": satisfies("says that it is no node's", lambda said: any("the rule is none of node lab-worker, which the SYN had left" in one for one in said)),
        "next": contains("ip netns exec machine "),
    }
    row = told(lab, "hosts_firewall", lambda: connects(web, db.address), expected, scope=("--host", "10.244.0.0/16"))
    expect({"gives_up_after_s": satisfies("130 s or so", lambda seconds: 120 <= seconds <= 140)}, row)


def from_the_machine(lab):
    """The machine itself asks for a service: its rules are in the nodes, and no node is on the way."""
    docker = Docker(lab)
    docker.network("kind", "172.18.0.0/16")
    worker = docker.node("lab-worker", "lab")
    lab.tun("machine", "tun0", lab.v4(5, 1))
    lab.route("machine", "10.96.0.0/16 dev tun0")
    lab.flush()
    worker.run("iptables-restore", stdin=service("shop/web:http", "10.96.0.10", 80, "10.244.1.2:8080"))
    expected = {"fate": "unanswered", "cause": "left_node", "where": {"netns": lab.inode("machine"), "device": "tun0"}, "nat": None}
    row = dies(lab, "machine", "10.96.0.10", 80, expected, timeout=1.5, trace=("--host", "10.96.0.10"))[0]
    said = "10.96.0.10:80 is the cluster IP of service shop/web:http by the rules of netns lab-worker, which the SYN did not pass"
    check(any(said in one for one in row["evidence"]), f"{said} is not in {row['evidence']}")


if __name__ == "__main__":
    main(118, __doc__, hosts_firewall, from_the_machine)
