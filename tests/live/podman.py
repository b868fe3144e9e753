# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What podman runs: containers, and one that plays a node of kind with a real containerd in it. Podman has no daemon to ask, and keeps what it calls a
container where only its hostname is told.

  this machine (podman) ── lonely, unnamed            no network but their own
                       └── lab-worker ── shop/web-0   10.244.1.2, and db-0, 10.244.1.3
"""

import os
import shutil
import subprocess

from expect import check, contains, expect
from kind import UID, inventory
from kind_nodes import IMAGE, Docker, check_machine
from lab import Skip
from sandbox import cgroup_name, mount_empty
from scenario import main

# The driver that podman has by default; its locks are in /dev/shm, whoever runs it.
OPTIONS = ("--storage-driver", "overlay", "--cgroup-manager", "cgroupfs", "--events-backend", "none", "--network-config-dir", "/run/podman-networks")
STATE = ("/var/lib/containers", "/run/containers", "/run/libpod", "/dev/shm")


class Podman(Docker):
    """As much of podman as the labs use of docker, by the same words."""

    def __init__(self, lab):
        check_machine()
        if shutil.which("podman") is None:
            raise Skip("not installed here: podman (Debian: podman)")
        self.lab, self.names = lab, []
        for path in STATE:
            mount_empty(path)
        lab.others.append(self)
        self.import_image()

    def try_docker(self, *argv, stdin=None):
        if argv[0] == "run":
            argv = ("run", "--cgroup-parent", "/" + cgroup_name(os.environ["SYNFATE_LIVE_TAG"]), *argv[1:])
        return subprocess.run(["podman", *OPTIONS, *argv], input=stdin, capture_output=True, text=True, check=False)

    def netns_of(self, name):
        return os.stat(f"/proc/{self.docker('inspect', '-f', '{{.State.Pid}}', name)}/ns/net").st_ino

    def run(self, name, *options):
        self.names.append(name)
        self.docker("run", "-d", "--name", name, "--network", "none", *options, "-v", "/usr:/usr:ro", IMAGE, "/usr/bin/sleep", "100000")
        return self.netns_of(name)

    def close(self):
        for name in self.names:
            self.try_docker("rm", "-f", "-t", "0", name)
            shutil.rmtree(os.path.join("/run", "lab-" + name), ignore_errors=True)
        # What it mounted keeps its directories busy, and goes with the test.


def containers(lab):
    podman = Podman(lab)
    lonely = podman.run("lonely", "--hostname", "lonely")
    unnamed = podman.run("unnamed")
    found, _ = inventory()
    expect({"pod": None, "node": None, "node_container": None, "container": "lonely"}, found[lonely])
    # Its hostname, which podman makes of its id.
    expect({"pod": None, "container": podman.docker("inspect", "-f", "{{.Id}}", "unnamed")[:12]}, found[unnamed])


def node(lab):
    """Its cluster and its role are in podman's database, which is not read."""
    podman = Podman(lab)
    worker = podman.node("lab-worker", "lab", network="none")
    # Podman makes none for a container without a network, and containerd wants one.
    worker.run("touch", "/etc/resolv.conf")
    web, db = worker.pod("shop", "web-0", UID(1)), worker.pod("shop", "db-0", UID(2))
    found, _ = inventory()
    expect({"node": "lab-worker", "node_container": {"name": "lab-worker", "cluster": None, "role": None, "source": contains("podman: ")}}, found[worker.netns])
    for pod in (web, db):
        expect({"node": "lab-worker", "pod": {"namespace": "shop", "name": pod.name, "uid": pod.uid, "addresses": [pod.address], "doubt": None}}, found[pod.netns])
    worker.run("sysctl", "-q", "-w", "net.ipv4.ip_forward=1")
    synfate = lab.synfate("trace", "--host", db.address)
    web.connect(db.address, 81)
    row = synfate.expect_attempt({"client": {"netns": web.netns}}, {"fate": "refused", "cause": "no_listener"})
    expect({"client": {"pod": "shop/web-0", "node": "lab-worker"}, "server": {"pod": "shop/db-0", "node": "lab-worker"}}, row)
    synfate.stop()
    check(not podman.docker("ps", "-aq", "--filter", "status=exited"), "a container ended meanwhile")


if __name__ == "__main__":
    main(70, __doc__, containers, node)
