# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The node that the load passes, and the load: one server for each kind, one client, which measures when it is told to.

  client eth0 ── veth ── br0 ─┐                    ┌─ br1 ── veth ── eth0 server
  other  eth0 ── veth ── br0 ─┴── node, with DNAT ─┘
"""

import os
import subprocess
import tempfile
import time

import inside
from lab import LabError
from tool import PATIENCE, read_line

HERE = os.path.dirname(os.path.abspath(__file__))
# As the service has it, and as the server has it.
PORTS = {"connect": (80, 8080), "requests": (81, 8081), "stream": (82, 8082), "drops": (83, 8083), "syns": (84, 8084)}
# Those that no server is for.
UNANSWERED = ("drops", "syns")
CLOSED_PORT = 85
SHARE_OF_OTHERS_SECONDS = 0.07


def node(lab):
    lab.netns("client", "other", "node", "server")
    for subnet, bridge, pods in ((1, "br0", ("client", "other")), (2, "br1", ("server",))):
        for host, pod in enumerate(pods, 2):
            lab.veth(pod, "eth0", "node", f"veth-{pod}")
            lab.address(pod, "eth0", lab.v4(subnet, host))
            lab.route(pod, f"default via {lab.v4(subnet, 1)}")
        lab.bridge("node", bridge, *(f"veth-{pod}" for pod in pods))
        lab.address("node", bridge, lab.v4(subnet, 1))
    lab.forwarding("node")
    lab.settle()
    ports = ", ".join(f"{port} : {lab.v4(2, 2)} . {target}" for port, target in PORTS.values())
    chain = f"type nat hook prerouting priority -100; ip daddr {service(lab)} dnat to tcp dport map {{ {ports} }};"
    policy = f"type filter hook forward priority 0; tcp dport {PORTS['drops'][1]} drop;"
    lab.nft("node", f"table ip services {{ chain prerouting {{ {chain} }}; chain forward {{ {policy} }}; }}")
    # A connection that was reset is forgotten after a second: the table of a long load stays as small as that of a short one.
    lab.sysctl("node", "net.netfilter.nf_conntrack_tcp_timeout_close", 1)
    lab.sysctl("client", "net.ipv4.ip_local_port_range", "1024 65535")


def service(lab):
    return f"10.{lab.number}.96.1"


def compiled():
    """The load, where a guest brings it along; else it is compiled here. (path, folder to keep or None)"""
    given = os.environ.get("SYNFATE_BENCH_LOAD")
    if given:
        return given, None
    folder = tempfile.TemporaryDirectory()
    path = os.path.join(folder.name, "load")
    subprocess.run(["cc", "-O2", "-o", path, os.path.join(HERE, "load.c")], check=True)
    return path, folder


class Part:
    """One process of the load."""

    def __init__(self, path, netns, *words):
        with inside.entered(netns):
            self.process = subprocess.Popen([path, *map(str, words)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        if self.answer(10) != "ready":
            raise LabError(f"the load does not begin: {' '.join(map(str, words))}")

    def answer(self, seconds):
        return read_line(self.process.stdout.fileno(), seconds * PATIENCE).strip()

    def ask(self, question, seconds):
        self.process.stdin.write(f"{question}\n".encode())
        self.process.stdin.flush()
        answer = self.answer(seconds + 10)
        if not answer:
            raise LabError(f"the load gave up: {self.process.args}")
        return answer.split()

    def close(self):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


class Load:
    """Of one kind, through the service of node()."""

    def __init__(self, lab, kind, address=None, port=None):
        path, self.folder = compiled()
        cpu = os.cpu_count() - 1
        service_port, target = PORTS[kind]
        lab.flush()
        self.parts = []
        lab.others.append(self)
        if kind not in UNANSWERED:
            self.parts.append(Part(path, lab.path("server"), "server", kind, cpu, lab.v4(2, 2), target))
        self.parts.append(Part(path, lab.path("client"), "client", kind, cpu, address or service(lab), port or service_port))

    def during(self, seconds):
        """(done in that time, seconds that it took); what fails is the lab's fault."""
        # The load goes before all else on its processor, until the kernel sees that others starve, and stops it for 50 ms in each second. They
        # get their share now, and the load is not stopped while it is measured.
        time.sleep(SHARE_OF_OTHERS_SECONDS)
        done, failed, took = self.parts[-1].ask(seconds, seconds)
        if int(failed):
            raise LabError(f"{failed} of {done} connections failed")
        return float(done), float(took)

    def rate(self, seconds):
        done, took = self.during(seconds)
        return done / took

    def send(self, count):
        self.parts[-1].ask(count, 1)

    def close(self):
        for part in self.parts:
            part.close()
        if self.folder:
            self.folder.cleanup()
