# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""`synfate probe` from pods and node containers by their names: real sandboxes of a real containerd, whose resolv.conf the runtime has written.

  machine (dockerd) ── br-… ──┬── lab-worker   ──┬── shop/web-0        10.244.1.0/24, a name server on the node
                              │                  ├── shop/db-0
                              │                  └── kube-system/kube-proxy-x, in the node's network
                              └── lab-worker2  ───── shop/web-0 of another node
"""

import os
import shutil
import subprocess

import tool
from expect import check, expect
from kind import UID
from kind_nodes import PYTHON, Docker
from lab import HERE
from probe import probe
from scenario import main


class NameServer:
    """name_server.py on all addresses of a node container."""

    def __init__(self, node, *names):
        shutil.copy(os.path.join(HERE, "name_server.py"), node.files)
        argv = ["docker", "exec", "-i", node.name, PYTHON, "/lab/name_server.py", "0.0.0.0", "53", *names]
        self.process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        node.docker.lab.others.insert(0, self)
        check("ready" in tool.read_line(self.process.stdout.fileno(), 30 * tool.PATIENCE), "the lab's name server does not run")

    def close(self):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait(10)


def build(lab):
    docker = Docker(lab)
    docker.network("kind", "172.18.0.0/16")
    return docker.node("lab-worker", "lab"), docker.node("lab-worker2", "lab")


def by_name(lab):
    """A service's short name as the pod itself would resolve it; the row is in the words of pods and nodes."""
    worker, other = build(lab)
    gateway = "10.244.1.1"
    web = worker.pod("shop", "web-0", UID(1), dns=(gateway, "shop.svc.lab", "svc.lab"))
    db = worker.pod("shop", "db-0", UID(2))
    NameServer(worker, f"db.shop.svc.lab={db.address}")
    worker.run("sysctl", "-q", "-w", "net.ipv4.ip_forward=1")
    done = probe(lab, "pod:shop/web-0", "db:5432", timeout=60)
    row = {"fate": "refused", "cause": "no_listener", "client": {"netns": web.netns, "pod": "shop/web-0", "node": "lab-worker"}, "server": {"pod": "shop/db-0"}}
    expect([row], done.attempts())
    check(done.status == 11, f"exit status {done.status}")
    said = [line["text"] for line in done.lines if line.get("code") == "name_resolved"]
    check(len(said) == 1 and f"db is {db.address}, by name server {gateway} as db.shop.svc.lab" in said[0], f"{said}")
    nobody = tool.once("probe", "--from", "pod:shop/web-0", "--to", "nobody:80", timeout=60)
    check(nobody.returncode == 14 and "nobody is not resolved in pod shop/web-0 on lab-worker" in nobody.stdout, f"{nobody.returncode}: {nobody.stdout}")

    done = probe(lab, "node:lab-worker", f"{web.address}:81", timeout=60)
    expect([{"fate": "refused", "client": {"netns": worker.netns, "pod": None, "node": "lab-worker"}, "server": {"pod": "shop/web-0"}}], done.attempts())

    # The same name comes up on another node, and which is meant is not guessed.
    twin = other.pod("shop", "web-0", UID(3))
    both = tool.once("probe", "--from", "pod:shop/web-0", "--to", "10.244.1.1:81", timeout=60)
    check(both.returncode == 1 and "lab-worker (" in both.stderr and "lab-worker2 (" in both.stderr, f"{both.returncode}: {both.stderr}")
    for pod in (web, twin):
        done = probe(lab, "pod:shop/web-0", "10.244.1.1:81", "--node", pod.node.name, timeout=60)
        expect([{"client": {"netns": pod.netns, "pod": "shop/web-0", "node": pod.node.name}}], done.attempts())
    twin.remove()
    gone = tool.once("probe", "--from", "pod:shop/web-0", "--to", "10.244.1.1:81", "--node", "lab-worker2", timeout=60)
    check(gone.returncode == 1 and "no such pod is known on node lab-worker2" in gone.stderr, f"{gone.returncode}: {gone.stderr}")


def in_the_network_of_its_node(lab):
    """The node's network, and the pod's own name servers."""
    worker, _ = build(lab)
    hosted = worker.pod("kube-system", "kube-proxy-x", UID(4), host_network=True, dns=("127.0.0.1", "svc.lab"))
    NameServer(worker, "db.svc.lab=127.0.0.1")
    done = probe(lab, "pod:kube-system/kube-proxy-x", "db:81", timeout=60)
    expect([{"fate": "refused", "client": {"netns": hosted.netns, "node": "lab-worker"}, "flow": {"dst": "127.0.0.1"}}], done.attempts())


if __name__ == "__main__":
    main(77, __doc__, by_name, in_the_network_of_its_node)
