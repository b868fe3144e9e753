# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Pods that no engine made: a process in a network namespace and a cgroup of its own, and the files that an engine would keep of it, to be damaged.

Files lie below a root, so that a node container can have its own. It looks for nothing and judges nothing."""

import gc
import json
import os
import signal

import inside
from sandbox import mount_empty

TASKS = "/run/containerd/io.containerd.runtime.v2.task/k8s.io"
STORAGE = "/run/containers/storage/overlay-containers"
DOCKER = "/var/lib/docker/containers"
RESULTS = "/var/lib/cni/results"
LOGS = "/var/log/pods"
KUBELET = "/var/lib/kubelet/pods"


def forget_engines():
    """Whatever engines keep on this machine, the test sees nothing of it; nothing is made on the machine."""
    for path in ("/run/containerd", "/run/containers", "/run/outside", "/var/lib", "/var/log"):
        mount_empty(path)


def write(path, content):
    """bytes, str, or what becomes JSON."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    if not isinstance(content, (bytes, str)):
        content = json.dumps(content)
    with open(path, "wb") as file:
        file.write(content if isinstance(content, bytes) else content.encode())


class Waiting:
    """A copy of this process in another network namespace and below another root, which waits for its end."""

    def __init__(self, netns_path, root="/"):
        there, here = os.pipe()
        with inside.entered(netns_path):
            self.pid = os.fork()
            if self.pid == 0:
                self._wait(root, here)
        os.close(here)
        ready = os.read(there, 1)
        os.close(there)
        if not ready:
            self.close()
            raise OSError(f"no process below {root}")

    @staticmethod
    def _wait(root, here):
        try:
            gc.disable()
            os.chroot(root)
            os.chdir("/")
            for descriptor in (0, 1, 2):
                os.dup2(here, descriptor)
            os.closerange(3, 1 << 20)
            os.write(1, b"!")
            os.closerange(0, 3)
            while True:
                signal.pause()
        finally:
            os._exit(1)

    def close(self):
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)


class Place:
    """A machine whose files lie below `root` and whose processes are in the cgroup `above`; "" for the machine itself."""

    def __init__(self, lab, root="", above=""):
        self.lab, self.root, self.above = lab, root, above

    def path(self, path):
        return self.root + path

    def pod(self, name, **options):
        return MadePod(self, name, **options)


class MadePod:
    """shop/NAME: at first nothing is kept of it."""

    def __init__(self, place, name, netns=None):
        lab = place.lab
        self.place, self.lab, self.name, self.netns_name = place, lab, name, netns or name
        number = len(lab.inodes) + 1
        self.id = f"{number:064x}"
        self.uid = f"0b9c2a64-52f1-4222-8333-{number:012x}"
        self.address = lab.v4(1, number)
        lab.netns(self.netns_name)
        lab.address(self.netns_name, "lo", self.address + "/32")
        lab.flush()
        self.netns = lab.inode(self.netns_name)
        self.process = Waiting(lab.path(self.netns_name))
        lab.others.append(self.process)
        join(lab.cgroup(f"{place.above}kubelet/pod{self.uid}/{self.id}"), self.process.pid)

    def at(self, path):
        return self.place.path(path)

    # Where its files are, and what they say of a pod as it should be

    @property
    def containerd(self):
        return self.at(f"{TASKS}/{self.id}/config.json")

    @property
    def crio(self):
        return self.at(f"{STORAGE}/{self.id}/userdata/config.json")

    @property
    def docker(self):
        return self.at(f"{DOCKER}/{self.id}/config.v2.json")

    @property
    def cni(self):
        return self.at(f"{RESULTS}/bench-{self.id}-eth0")

    @property
    def kubelet_log(self):
        return self.at(f"{LOGS}/shop_{self.name}_{self.uid}/app/0.log")

    @property
    def kubelet(self):
        return self.at(f"{KUBELET}/{self.uid}/etc-hosts")

    def containerd_says(self, netns_path=None, more=None, **annotations):
        names = {"container-type": "sandbox", "sandbox-id": self.id, "sandbox-name": self.name, "sandbox-namespace": "shop", "sandbox-uid": self.uid}
        names.update({key.replace("_", "-"): value for key, value in annotations.items()})
        config = {"ociVersion": "1.0.2", "hostname": self.name, "annotations": {f"io.kubernetes.cri.{key}": value for key, value in names.items()}}
        config["linux"] = {"namespaces": [{"type": "network", "path": netns_path or f"/run/netns/{self.netns_name}"}]}
        return {**config, **(more or {})}

    def crio_says(self):
        labels = {"io.kubernetes.pod.name": self.name, "io.kubernetes.pod.namespace": "shop", "io.kubernetes.pod.uid": self.uid}
        names = {"ContainerType": "sandbox", "SandboxID": self.id, "KubeName": self.name, "Namespace": "shop", "Labels": json.dumps(labels)}
        annotations = {"io.container.manager": "cri-o", **{f"io.kubernetes.cri-o.{key}": value for key, value in names.items()}}
        return {"annotations": annotations, "linux": {"namespaces": [{"type": "network", "path": f"/run/netns/{self.netns_name}"}]}}

    def docker_says(self):
        labels = {"io.kubernetes.docker.type": "podsandbox", "io.kubernetes.pod.name": self.name, "io.kubernetes.pod.namespace": "shop"}
        labels["io.kubernetes.pod.uid"] = self.uid
        state = {"Running": True, "Pid": self.process.pid}
        config = {"Labels": labels, "Hostname": self.name}
        return {"ID": self.id, "Name": "/k8s_POD", "State": state, "Config": config, "NetworkSettings": {"SandboxKey": f"/run/netns/{self.netns_name}"}}

    def cni_says(self, **more):
        arguments = [["K8S_POD_NAMESPACE", "shop"], ["K8S_POD_NAME", self.name]]
        result = {"cniVersion": "0.3.1", "ips": [{"version": "4", "address": self.address + "/32"}]}
        said = {"kind": "cniCacheV1", "containerId": self.id, "ifName": "eth0", "networkName": "bench", "cniArgs": arguments, "result": result}
        return {**said, "netns": f"/run/netns/{self.netns_name}", **more}

    def kubelet_says(self):
        return f"# Kubernetes-managed hosts file.\n127.0.0.1\tlocalhost\n{self.address}\t{self.name}\n"


def join(cgroup, pid):
    with open(os.path.join(cgroup, "cgroup.procs"), "w", encoding="ascii") as members:
        members.write(str(pid))
