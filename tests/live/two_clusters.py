# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Two clusters on one machine, alike to the last number: pods of the same namespace, name, uid and address, the same flow at the same time. Each
row is of its own cluster, whichever rule of the two drops it.

  machine (dockerd) ── br-… ──┬── a-worker (cluster a) ──┬── shop/web-0  10.244.1.2        each node drops what web-0 sends to db-0
                              │                          └── shop/db-0   10.244.1.3        by a rule of its own
                              └── b-worker (cluster b) ──┬── shop/web-0  10.244.1.2
                                                         └── shop/db-0   10.244.1.3
"""

import tool
from expect import WrongCulprit, check, expect
from kind import UID, inventory
from kind_nodes import PYTHON, Docker
from scenario import main

SPORT = 43210
CONNECT = """import socket, sys
s = socket.socket()
s.settimeout(0.5)
s.bind(("", int(sys.argv[3])))
s.connect_ex((sys.argv[1], int(sys.argv[2])))
"""


class Cluster:
    def __init__(self, docker, name):
        self.name = name
        self.node = docker.node(f"{name}-worker", name)
        self.web, self.db = self.node.pod("shop", "web-0", UID(1)), self.node.pod("shop", "db-0", UID(2))
        self.node.run("sysctl", "-q", "-w", "net.ipv4.ip_forward=1")

    def forbids(self):
        """By a rule that says whose it is."""
        self.node.run(
            "iptables", "-A", "FORWARD", "-s", self.web.address, "-d", self.db.address, "-m", "comment", "--comment", f"of {self.name}", "-j", "DROP"
        )

    def asks(self, port, sport=SPORT):
        self.node.run("nsenter", "-t", self.web.inner_pid, "-n", PYTHON, "-I", "-S", "-c", CONNECT, self.db.address, str(port), str(sport))

    def rows_of(self, done, port):
        return done.attempts({"client": {"netns": self.web.netns}, "flow": {"dport": port}})


def clusters(lab):
    docker = Docker(lab)
    docker.network("kind", "172.18.0.0/16")
    a, b = Cluster(docker, "a"), Cluster(docker, "b")
    check((a.web.address, a.db.address) == (b.web.address, b.db.address), "the clusters have different addresses, so this shows less")
    return a, b


def names(lab):
    both = clusters(lab)
    found, _ = inventory()
    for one in both:
        expect({"node": one.node.name, "pod": None, "node_container": {"cluster": one.name, "role": "worker"}}, found[one.node.netns])
        for pod in (one.web, one.db):
            wanted = {"namespace": "shop", "name": pod.name, "uid": pod.uid, "sandbox_id": pod.sandbox, "addresses": [pod.address], "doubt": None}
            expect({"node": one.node.name, "pod": wanted}, found[pod.netns])
    said = [line.split() for line in tool.once("pods", timeout=60).stdout.splitlines()]
    for one in both:
        check([str(one.web.netns), one.node.name, "shop/web-0"] in [words[:3] for words in said], f"no row of {one.node.name}: {said}")


def of_its_own(one, other, row):
    """What a row must not say is what is worst here: the other's."""
    text = str(row)
    for wrong in (other.node.name, str(other.web.netns), str(other.db.netns), str(other.node.netns), f"of {other.name}"):
        if wrong in text:
            raise WrongCulprit(f"{wrong} in a row of {one.name}: {row}")
    expect({"client": {"netns": one.web.netns, "pod": "shop/web-0", "node": one.node.name}}, row)


def both_drop(lab):
    a, b = clusters(lab)
    a.forbids()
    b.forbids()
    synfate = lab.synfate("trace", "--host", a.db.address)
    for one in (a, b):
        one.asks(81)
    for one, other in ((a, b), (b, a)):
        row = synfate.expect_attempt({"client": {"netns": one.web.netns}}, {"fate": "dropped", "cause": "netfilter_drop"})
        of_its_own(one, other, row)
        expect({"flow": {"sport": SPORT}, "where": {"netns": one.node.netns, "node": one.node.name, "pod": None}}, row)
        expect({"where": {"rule": {"chain": "FORWARD", "comment": f"of {one.name}"}}}, row)
        # A namespace that the SYN did not reach may be known by its address only on its own node.
        check(row["server"]["pod"] in (None, "shop/db-0"), f"the server is {row['server']}")
    synfate.stop()


def one_drops(lab):
    """The other's SYN of the same flow gets to its pod, where nobody listens."""
    a, b = clusters(lab)
    a.forbids()
    synfate = lab.synfate("trace", "--host", a.db.address)
    for one in (b, a):
        one.asks(81)
    dropped = synfate.expect_attempt({"client": {"netns": a.web.netns}}, {"fate": "dropped", "where": {"netns": a.node.netns}})
    of_its_own(a, b, dropped)
    refused = synfate.expect_attempt({"client": {"netns": b.web.netns}}, {"fate": "refused", "cause": "no_listener"})
    of_its_own(b, a, refused)
    expect({"server": {"netns": b.db.netns, "node": b.node.name, "pod": "shop/db-0"}, "where": {"netns": b.db.netns, "rule": None}}, refused)
    synfate.stop()


def by_name(lab):
    """A name that two clusters have means both pods; with --node it is one."""
    a, b = clusters(lab)
    a.forbids()
    b.forbids()
    for arguments, expected in (
        (("--pod", "shop/web-0"), (a, b)),
        (("--pod", "shop/db-0"), (a, b)),
        (("--pod", "shop/web-0", "--node", a.node.name), (a,)),
        (("--pod", "shop/db-0", "--node", b.node.name), (b,)),
        (("--node", a.node.name), (a,)),
    ):
        synfate = lab.synfate("trace", *arguments)
        for one in (a, b):
            one.asks(82)
        for one in expected:
            synfate.wait_attempt({"client": {"netns": one.web.netns}})
        done = synfate.stop()
        for one, other in ((a, b), (b, a)):
            rows = one.rows_of(done, 82)
            check(len(rows) == (1 if one in expected else 0), f"{' '.join(arguments)}: {len(rows)} rows of {one.name}")
            for row in rows:
                of_its_own(one, other, row)


if __name__ == "__main__":
    main(69, __doc__, names, both_drop, one_drops, by_name)
