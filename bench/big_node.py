# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A node with many pods and many rules. Each pod is a process in a network namespace and a cgroup of its own, with a containerd bundle and a libcni
result as long as real ones, and a veth to the node. Nothing of a container engine is needed, and nothing of it stays."""

import json
import os
import subprocess

import big_rules
from lab import LabError
from sandbox import cgroup_name, cgroup_root, mount_empty
from tool import Deadline

TASKS = "/run/containerd/io.containerd.runtime.v2.task/k8s.io"
RESULTS = "/var/lib/cni/results"
# A real config.json is mostly mounts, capabilities and a seccomp profile.
FILLER = [{"names": [f"syscall_{i}"], "action": "SCMP_ACT_ALLOW", "args": []} for i in range(1200)]
# The lab's namespace that is the node, and what it is called for filters.
NODE = "router"


class Pod:
    def __init__(self, number):
        self.number, self.id = number, f"{number:064x}"
        self.uid = f"0b9c2a64-52f1-4222-8333-{number:012x}"
        self.cgroup = os.path.join(cgroup_root(), cgroup_name(os.environ["SYNFATE_LIVE_TAG"]), "kubelet", f"pod{self.uid}", self.id)
        os.makedirs(self.cgroup, exist_ok=True)
        self.process = subprocess.Popen(["unshare", "-n", "sleep", "100000"], stdin=subprocess.DEVNULL)
        with open(os.path.join(self.cgroup, "cgroup.procs"), "w", encoding="ascii") as members:
            members.write(str(self.process.pid))
        self.write()

    def write(self):
        annotations = {"container-type": "sandbox", "sandbox-id": self.id, "sandbox-name": f"pod-{self.number}", "sandbox-namespace": "bench"}
        annotations["sandbox-uid"] = self.uid
        config = {
            "ociVersion": "1.0.2",
            "hostname": f"pod-{self.number}",
            "annotations": {f"io.kubernetes.cri.{key}": value for key, value in annotations.items()},
            "linux": {"namespaces": [{"type": "network", "path": f"/run/netns/cni-{self.number}"}], "seccomp": {"syscalls": FILLER}},
        }
        os.makedirs(f"{TASKS}/{self.id}")
        with open(f"{TASKS}/{self.id}/config.json", "w", encoding="ascii") as file:
            json.dump(config, file)
        netns = f"/run/netns/cni-{self.number}"
        cni = {"kind": "cniCacheV1", "containerId": self.id, "ifName": "eth0", "networkName": "bench", "netns": netns}
        cni["cniArgs"] = [["K8S_POD_NAMESPACE", "bench"], ["K8S_POD_NAME", f"pod-{self.number}"]]
        address = f"10.9.{self.number // 250}.{self.number % 250 + 1}/24"
        cni["result"] = {"cniVersion": "0.3.1", "ips": [{"version": "4", "address": address}]}
        with open(f"{RESULTS}/bench-{self.id}-eth0", "w", encoding="ascii") as file:
            json.dump(cni, file)

    @property
    def netns(self):
        return f"/proc/{self.process.pid}/ns/net"

    def close(self):
        self.process.kill()
        self.process.wait()


class BigNode:
    """Rules are there from the beginning; pods come when they are asked for."""

    def __init__(self, lab):
        if cgroup_root() is None:
            raise LabError("no cgroup v2 hierarchy is mounted here")
        for path in ("/run/containerd", "/var/lib/cni"):
            mount_empty(path)
        os.makedirs(TASKS)
        os.makedirs(RESULTS)
        self.lab, self.pods = lab, []
        lab.others.append(self)
        big_rules.services(lab)
        self.case = big_rules.many_chains(lab)

    def more(self, count):
        """So many more pods, each with a veth to the node, as a CNI plugin makes them."""
        added = [Pod(len(self.pods) + i) for i in range(count)]
        self.pods += added
        own, deadline = os.stat("/proc/self/ns/net").st_ino, Deadline(60)
        while any(os.stat(pod.netns).st_ino == own for pod in added):
            if deadline.passed():
                raise LabError("a pod has no network namespace of its own")
        lines = []
        for pod in added:
            lines += [f"link add veth{pod.number} type veth peer name eth0 netns {pod.process.pid}", f"link set veth{pod.number} up"]
        self.lab.batch(["-n", NODE], lines)
        return added

    def close(self):
        for pod in self.pods:
            pod.close()
