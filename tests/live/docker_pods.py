# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Pods whose runtime is docker: a real dockerd, containers labelled as cri-dockerd and the dockershim label them, wired by real CNI plugins. No kubelet
is there to ask, and synfate does not ask dockerd.

  machine (dockerd) ──┬── shop/web-0 (sandbox POD, container app)      10.68.1.0/24
                      └── shop/db-0  (sandbox POD)                     kube-system/proxy: in the network of the machine
"""

import contextlib
import json
import os
import subprocess

import tool
from expect import check, expect
from kind import UID, inventory
from kind_nodes import CONNECT, IMAGE, PLUGINS, PYTHON, Docker
from lab import LabError
from sandbox import cgroup_name
from scenario import main

class DockerPod:
    """A sandbox, and what CNI plugins gave it; its network namespace is the sandbox's, whatever else runs in it."""

    def __init__(self, docker, namespace, name, uid, network="none"):
        self.docker, self.namespace, self.name, self.uid = docker, namespace, name, uid
        self.sandbox = self.run("POD", "podsandbox", {}, "--hostname", name, "--network", network)
        pid = docker.docker("inspect", "-f", "{{.State.Pid}}", self.sandbox)
        self.netns_path = f"/proc/{pid}/ns/net"
        self.netns = os.stat(self.netns_path).st_ino
        self.address = None
        if network == "none":
            docker.lab.nested.add(self.netns)
            self.address = self.wire()

    def run(self, container, kind, more, *options):
        """As pkg/kubelet/dockershim and cri-dockerd name and label what they run."""
        name = f"k8s_{container}_{self.name}_{self.namespace}_{self.uid}_0"
        labels = {"pod.name": self.name, "pod.namespace": self.namespace, "pod.uid": self.uid, "container.name": container, "docker.type": kind, **more}
        argv = ["run", "-d", "--name", name, *options, "-v", "/usr:/usr:ro"]
        argv += ["--cgroup-parent", f"/{cgroup_name(os.environ['SYNFATE_LIVE_TAG'])}/kubepods/burstable/pod{self.uid}"]
        for key, value in labels.items():
            argv += ["--label", f"io.kubernetes.{key}={value}"]
        self.docker.names.append(name)
        return self.docker.docker(*argv, IMAGE, "/usr/bin/sleep", "100000")

    def container(self, name):
        return self.run(name, "container", {"sandbox.id": self.sandbox}, "--network", f"container:{self.sandbox}")

    def wire(self):
        """As a runtime calls a plugin; its address."""
        lab = self.docker.lab
        ipam = {"type": "host-local", "dataDir": "/run/cni-ipam-state", "ranges": [[{"subnet": lab.v4(1, 0) + "/24"}]], "routes": [{"dst": "0.0.0.0/0"}]}
        network = {"cniVersion": "0.3.1", "name": "lab", "type": "ptp", "ipam": ipam}
        words = {"CNI_COMMAND": "ADD", "CNI_CONTAINERID": self.sandbox, "CNI_NETNS": self.netns_path, "CNI_IFNAME": "eth0", "CNI_PATH": PLUGINS}
        environment = ["env", *(f"{key}={value}" for key, value in words.items())]
        answer = lab.run(self.docker.netns, *environment, os.path.join(PLUGINS, "ptp"), stdin=json.dumps(network))
        try:
            return json.loads(answer)["ips"][0]["address"].split("/")[0]
        except (ValueError, LookupError) as error:
            raise LabError(f"ptp says {answer}") from error

    @contextlib.contextmanager
    def connected(self, container, address, port):
        """One connect() by a process of that container, which is there for as long as this lasts."""
        argv = ["docker", "exec", "-i", container, PYTHON, "-I", "-S", "-c", CONNECT + "; sys.stdin.read()", address, str(port)]
        client = subprocess.Popen(argv, stdin=subprocess.PIPE)
        try:
            yield
        finally:
            client.communicate(timeout=20 * tool.PATIENCE)


def pods_of(lab):
    docker = Docker(lab)
    return docker, DockerPod(docker, "shop", "web-0", UID(1)), DockerPod(docker, "shop", "db-0", UID(2))


def names(lab):
    docker, web, db = pods_of(lab)
    app = web.container("app")
    proxy = DockerPod(docker, "kube-system", "proxy", UID(3), network="host")
    plain = docker.container("registry", network="none")
    found, lines = inventory()
    for pod in (web, db):
        wanted = {"namespace": "shop", "name": pod.name, "uid": pod.uid, "sandbox_id": pod.sandbox, "addresses": [pod.address], "doubt": None}
        expect({"node": None, "pod": {**wanted, "source": f"docker: /var/lib/docker/containers/{pod.sandbox}/config.v2.json"}}, found[pod.netns])
    check(web.address != db.address, "both pods have one address, so this shows less")
    hosted = [line for line in lines if line["type"] == "pod"]
    expect([{"pod": {"namespace": "kube-system", "name": "proxy", "uid": proxy.uid, "host_network": True}}], hosted)
    expect({"pod": None}, found[proxy.netns])
    expect({"pod": None, "container": "registry"}, found[os.stat(f"/proc/{plain}/ns/net").st_ino])
    said = tool.once("pods", timeout=60).stdout
    for words in ("shop/web-0", "shop/db-0", "kube-system/proxy"):
        check(words in said, f"{words} is not in: {said}")
    # Without its workload it is the same pod still.
    docker.docker("rm", "-f", app)
    found, _ = inventory()
    expect({"pod": {"name": "web-0", "doubt": None}}, found[web.netns])


def rows(lab):
    """Who it was is known to the container; the listener that is not there is in the other pod."""
    docker, web, db = pods_of(lab)
    app = web.container("app")
    lab.forwarding("machine")
    # dockerd forbids forwarding; whoever runs pods with it allows it again.
    lab.run("machine", "iptables", "-P", "FORWARD", "ACCEPT")
    synfate = lab.synfate("trace", "--host", db.address)
    with web.connected(app, db.address, 81):
        row = synfate.expect_attempt({"client": {"netns": web.netns}}, {"fate": "refused", "cause": "no_listener", "client": {"container": "app"}})
    expect({"client": {"pod": "shop/web-0", "node": None}, "server": {"netns": db.netns, "pod": "shop/db-0"}, "flow": {"dst": db.address}}, row)
    expect({"where": {"netns": db.netns, "pod": "shop/db-0"}}, row)
    synfate.stop()


def labels_that_lie(lab):
    """A workload whose labels call it another pod's does not rename the pod whose network it joined; one that says nothing neither."""
    docker, web, _ = pods_of(lab)
    web.run("liar", "container", {"sandbox.id": web.sandbox, "pod.name": "other-0"}, "--network", f"container:{web.sandbox}")
    docker.names.append("silent")
    docker.docker("run", "-d", "--name", "silent", "--network", f"container:{web.sandbox}", "-v", "/usr:/usr:ro", IMAGE, "/usr/bin/sleep", "100000")
    found, _ = inventory()
    expect({"pod": {"name": "web-0", "sandbox_id": web.sandbox, "doubt": None}, "container": None}, found[web.netns])


if __name__ == "__main__":
    main(68, __doc__, names, rows, labels_that_lie)
