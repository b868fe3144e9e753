#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Figures, not tests: what a node with many pods costs. As root: bench/pods.py [PODS]

Each pod is a process in a network namespace and a cgroup of its own, with a containerd bundle and a libcni result as long as real ones. Nothing
of a container engine is needed, and nothing of it stays."""

import json
import os
import resource
import signal
import statistics
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "tests", "live"))

from sandbox import cgroup_name, cgroup_root, mount_empty, run_inside  # noqa: E402
from tool import binary, read_line  # noqa: E402

TASKS = "/run/containerd/io.containerd.runtime.v2.task/k8s.io"
RESULTS = "/var/lib/cni/results"
# A real config.json is mostly mounts, capabilities and a seccomp profile.
FILLER = [{"names": [f"syscall_{i}"], "action": "SCMP_ACT_ALLOW", "args": []} for i in range(1200)]


class Pod:
    def __init__(self, number):
        self.id = f"{number:064x}"
        self.uid = f"0b9c2a64-52f1-4222-8333-{number:012x}"
        self.cgroup = os.path.join(cgroup_root(), cgroup_name(os.environ["SYNFATE_LIVE_TAG"]), "kubelet", f"pod{self.uid}", self.id)
        os.makedirs(self.cgroup)
        self.process = subprocess.Popen(["unshare", "-n", "sleep", "100000"], stdin=subprocess.DEVNULL)
        with open(os.path.join(self.cgroup, "cgroup.procs"), "w", encoding="ascii") as members:
            members.write(str(self.process.pid))
        self.write(number)

    def write(self, number):
        annotations = {"container-type": "sandbox", "sandbox-id": self.id, "sandbox-name": f"pod-{number}", "sandbox-namespace": "bench"}
        annotations["sandbox-uid"] = self.uid
        config = {
            "ociVersion": "1.0.2",
            "hostname": f"pod-{number}",
            "annotations": {f"io.kubernetes.cri.{key}": value for key, value in annotations.items()},
            "linux": {"namespaces": [{"type": "network", "path": f"/run/netns/cni-{number}"}], "seccomp": {"syscalls": FILLER}},
        }
        os.makedirs(f"{TASKS}/{self.id}")
        with open(f"{TASKS}/{self.id}/config.json", "w", encoding="ascii") as file:
            json.dump(config, file)
        cni = {"kind": "cniCacheV1", "containerId": self.id, "ifName": "eth0", "networkName": "bench", "netns": f"/run/netns/cni-{number}"}
        cni["cniArgs"] = [["K8S_POD_NAMESPACE", "bench"], ["K8S_POD_NAME", f"pod-{number}"]]
        cni["result"] = {"cniVersion": "0.3.1", "ips": [{"version": "4", "address": f"10.9.{number // 250}.{number % 250 + 1}/24"}]}
        with open(f"{RESULTS}/bench-{self.id}-eth0", "w", encoding="ascii") as file:
            json.dump(cni, file)


def namespace_of(pid):
    return os.stat(f"/proc/{pid}/ns/net").st_ino


def spread(values):
    values = sorted(values)
    return f"median {statistics.median(values):.1f} ms, from {values[0]:.1f} to {values[-1]:.1f}, {len(values)} times"


def listing():
    begin = time.monotonic()
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([binary(), "pods", "--json"], capture_output=True, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    wall = (time.monotonic() - begin) * 1000
    named = sum(1 for line in done.stdout.splitlines() if b'"name":"pod-' in line)
    return wall, (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) * 1000, named


def main():
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 250
    for path in ("/run/containerd", "/var/lib/cni"):
        mount_empty(path)
    os.makedirs(TASKS)
    os.makedirs(RESULTS)
    own = namespace_of("self")
    empty = [listing() for _ in range(7)]
    pods = [Pod(number) for number in range(count)]
    while any(namespace_of(pod.process.pid) == own for pod in pods):
        pass
    full = [listing() for _ in range(7)]
    print(f"{full[0][2]} of {count} pods named; config.json {os.path.getsize(f'{TASKS}/{pods[0].id}/config.json') / 1000:.0f} kB each")
    print(f"synfate pods, no pods: {spread([wall for wall, _, _ in empty])}; processor: {spread([cpu for _, cpu, _ in empty])}")
    print(f"synfate pods, {count} pods: {spread([wall for wall, _, _ in full])}; processor: {spread([cpu for _, cpu, _ in full])}")
    ready, write = os.pipe()
    trace = subprocess.Popen([binary(), "trace", "--json", "--ready-fd", str(write)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, pass_fds=[write])
    read_line(ready, 30)
    # Three looks, after which all processes are known.
    time.sleep(3)
    spent = lambda: sum(map(int, open(f"/proc/{trace.pid}/stat", encoding="ascii").read().split()[13:15]))  # noqa: E731
    begin = spent()
    time.sleep(10)
    idle = spent() - begin
    more = [Pod(count + number) for number in range(20)]
    begin = spent()
    time.sleep(10)
    busy = spent() - begin
    tick = 1000 / os.sysconf("SC_CLK_TCK")
    print(f"trace beside them: {idle * tick / 10:.1f} ms of a processor a second; a new pod: {(busy - idle) * tick / len(more):.1f} ms")
    with open(f"/proc/{trace.pid}/status", encoding="ascii") as status:
        print("trace: " + next(line.split(None, 1)[1].strip() for line in status if line.startswith("VmHWM")) + " resident at most")
    trace.send_signal(signal.SIGINT)
    trace.wait()
    for pod in pods + more:
        pod.process.kill()
        pod.process.wait()
    return 0


if __name__ == "__main__":
    run_inside(main)
