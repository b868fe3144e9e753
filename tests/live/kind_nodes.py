# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Real node containers: a dockerd of the lab's own, in a network namespace of the lab's, whose containers are labelled as kind labels its nodes and
run a real containerd with real sandboxes and CNI plugins. The programs are this machine's; no image is pulled. It looks for nothing and judges nothing."""

import json
import os
import shutil
import subprocess
import tarfile

import tool
from lab import HERE, LabError, Skip
from sandbox import cgroup_name, mount_empty

# All but SYS_RESOURCE and SYS_MODULE of what --privileged gives and dockerd 20.10 knows: not every machine can grant those.
CAPABILITIES = (
    "CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP NET_BIND_SERVICE NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK"
    " SYS_CHROOT SYS_PTRACE SYS_ADMIN SYS_NICE MKNOD AUDIT_WRITE SETFCAP SYSLOG"
).split()
PROGRAMS = ("dockerd", "docker", "containerd", "runc", "ctr", "busybox")
PLUGINS = "/usr/lib/cni"
# The interpreter that has grpc, whatever runs this.
PYTHON = "/usr/bin/python3"
IMAGE = "kindest/node:lab"
CONNECT = "import socket, sys; s = socket.socket(); s.settimeout(0.5); s.connect_ex((sys.argv[1], int(sys.argv[2])))"

# Into the cgroups of process $1, of both versions.
JOIN = """while IFS=: read -r _ name path; do
  echo $$ >"/sys/fs/cgroup/${name#name=}$path/cgroup.procs"
done <"/proc/$1/cgroup"
shift
exec "$@"
"""

CONTAINERD = f"""version = 2
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "registry.lab/pause:1"
  restrict_oom_score_adj = true
  disable_apparmor = true
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "native"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "{PLUGINS}"
    conf_dir = "/lab/net.d"
"""

SETUP = """
mount -o remount,rw /proc/sys
for mounted in /sys/fs/cgroup /sys/fs/cgroup/*; do
  ! mountpoint -q "$mounted" || mount -o remount,bind,rw "$mounted"
done
mkdir -p /var/lib /var/log/pods
ln -s /run /var/run
exec containerd --config /lab/containerd.toml >/lab/containerd.log 2>&1
"""


def check_machine():
    missing = [program for program in PROGRAMS if shutil.which(program) is None]
    if missing:
        raise Skip(f"not installed here: {', '.join(missing)} (Debian: docker.io, containerd, runc, busybox-static)")
    if not os.path.exists(os.path.join(PLUGINS, "ptp")):
        raise Skip(f"no CNI plugins in {PLUGINS} (Debian: containernetworking-plugins)")
    if subprocess.run([PYTHON, "-c", "import grpc"], stderr=subprocess.DEVNULL, check=False).returncode != 0:
        raise Skip("Python's grpc is not installed (Debian: python3-grpcio)")


class Docker:
    """A dockerd in the namespace `netns`; what it makes goes with the test's process namespace."""

    def __init__(self, lab, netns="machine"):
        check_machine()
        self.lab, self.netns = lab, netns
        lab.netns(netns)
        lab.flush()
        for path in ("/var/lib/docker", "/run/docker", "/run/containerd"):
            mount_empty(path)
        self.log = open("/run/dockerd.log", "w+", encoding="utf-8")
        argv = ["nsenter", f"--net=/run/netns/{netns}", "--", "dockerd", "--storage-driver", "vfs", "--exec-opt", "native.cgroupdriver=cgroupfs"]
        argv += ["--cgroup-parent", "/" + cgroup_name(os.environ["SYNFATE_LIVE_TAG"]), "--bip", "172.30.99.1/24"]
        self.process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        self.names = []
        lab.others.append(self)
        self.wait_for(lambda: self.try_docker("version").returncode == 0, "dockerd")
        self.import_image()

    def wait_for(self, ready, what):
        deadline = tool.Deadline(30)
        while not ready():
            if deadline.passed() or self.process.poll() is not None:
                self.log.seek(0)
                raise LabError(f"{what} does not come up: {self.log.read()[-2000:]}")

    def try_docker(self, *argv, stdin=None):
        return subprocess.run(["docker", *argv], input=stdin, capture_output=True, text=True, check=False)

    def docker(self, *argv, stdin=None):
        done = self.try_docker(*argv, stdin=stdin)
        if done.returncode != 0:
            raise LabError(f"docker {' '.join(argv)}: {done.stderr.strip()}")
        return done.stdout.strip()

    def import_image(self):
        """A root without files: the machine's own /usr is mounted into it."""
        with tarfile.open("/run/root.tar", "w") as archive:
            for name in "proc sys dev run tmp var etc usr kind lab".split():
                entry = tarfile.TarInfo(name)
                entry.type, entry.mode = tarfile.DIRTYPE, 0o755
                archive.addfile(entry)
            for name in "bin sbin lib lib64".split():
                entry = tarfile.TarInfo(name)
                entry.type, entry.linkname = tarfile.SYMTYPE, "usr/" + name
                archive.addfile(entry)
        self.docker("import", "/run/root.tar", IMAGE)

    def network(self, name, subnet):
        self.docker("network", "create", "--subnet", subnet, name)

    def node(self, name, cluster, role="worker", pods="10.244.1.0/24", network="kind"):
        self.names.append(name)
        return NodeContainer(self, name, cluster, role, pods, network)

    def container(self, name, network="kind"):
        """One that is no node."""
        self.names.append(name)
        self.docker("run", "-d", "--name", name, "--hostname", name, "--network", network, "-v", "/usr:/usr:ro", IMAGE, "/usr/bin/sleep", "100000")
        return int(self.docker("inspect", "-f", "{{.State.Pid}}", name))

    def close(self):
        for name in self.names:
            self.try_docker("rm", "-f", name)
            shutil.rmtree(os.path.join("/run", "lab-" + name), ignore_errors=True)
        self.process.terminate()
        self.process.wait()
        self.log.close()


class NodeContainer:
    """A container that plays a node."""

    def __init__(self, docker, name, cluster, role, pods, network):
        self.docker, self.name, self.pods = docker, name, pods
        self.files = os.path.join("/run", "lab-" + name)
        os.makedirs(os.path.join(self.files, "net.d"))
        shutil.copy(os.path.join(HERE, "kind_inside.py"), self.files)
        with open(os.path.join(self.files, "containerd.toml"), "w", encoding="ascii") as file:
            file.write(CONTAINERD)
        with open(os.path.join(self.files, "net.d", "10-kindnet.conflist"), "w", encoding="ascii") as file:
            json.dump(self.cni(), file)
        argv = ["run", "-d", "--name", name, "--hostname", name, "--network", network, "--cgroupns", "private", "--cap-drop", "ALL"]
        for capability in CAPABILITIES:
            argv += ["--cap-add", capability]
        if cluster:
            argv += ["--label", f"io.x-k8s.kind.cluster={cluster}", "--label", f"io.x-k8s.kind.role={role}"]
        argv += ["--security-opt", "seccomp=unconfined", "--security-opt", "apparmor=unconfined"]
        for path in ("/run", "/tmp", "/var:exec"):
            argv += ["--tmpfs", path]
        for path in ("/usr", "/etc/alternatives"):
            argv += ["-v", f"{path}:{path}:ro"]
        argv += ["-v", f"{self.files}:/lab", IMAGE, "/usr/bin/sh", "-c", SETUP]
        self.id = docker.docker(*argv)
        self.pid = int(docker.docker("inspect", "-f", "{{.State.Pid}}", name))
        self.netns = os.stat(f"/proc/{self.pid}/ns/net").st_ino
        docker.lab.nested.add(self.netns)
        self.inside("image")

    def cni(self):
        ipam = {"type": "host-local", "dataDir": "/run/cni-ipam-state", "routes": [{"dst": "0.0.0.0/0"}], "ranges": [[{"subnet": self.pods}]]}
        return {"cniVersion": "0.3.1", "name": "kindnet", "plugins": [{"type": "ptp", "ipMasq": False, "mtu": 1500, "ipam": ipam}]}

    def run(self, *argv, stdin=None):
        return self.docker.docker("exec", *(["-i"] if stdin is not None else []), self.name, *argv, stdin=stdin)

    def connect(self, address, port):
        """One connect() by the node itself, to its end."""
        self.run(PYTHON, "-I", "-S", "-c", CONNECT, address, str(port))

    def inside(self, *words):
        """The first call waits for containerd."""
        done = self.docker.try_docker("exec", self.name, PYTHON, "/lab/kind_inside.py", *words)
        if done.returncode != 0:
            with open(os.path.join(self.files, "containerd.log"), encoding="utf-8", errors="replace") as log:
                raise LabError(f"{self.name}: {' '.join(words)}: {done.stderr.strip()[-1500:]}\n{log.read()[-1500:]}")
        return done.stdout.strip()

    def pod(self, namespace, name, uid, host_network=False, dns=()):
        """`dns`: a name server, and domains to search."""
        return Pod(self, namespace, name, uid, host_network, dns)


class Pod:
    """A sandbox, with what is true of it."""

    def __init__(self, node, namespace, name, uid, host_network, dns=()):
        self.node, self.namespace, self.name, self.uid, self.host_network = node, namespace, name, uid, host_network
        cgroup = f"/kubelet/kubepods/burstable/pod{uid}"
        self.sandbox = node.inside("run", namespace, name, uid, cgroup, "host" if host_network else "pod", *dns)
        pid = node.run("cat", f"/run/containerd/io.containerd.runtime.v2.task/k8s.io/{self.sandbox}/init.pid")
        # Numbers of processes are the node's own there.
        self.netns = int(node.run("readlink", f"/proc/{pid}/ns/net")[len("net:[") : -1])
        self.inner_pid = pid
        self.address = None if host_network else self.read_address()
        node.docker.lab.nested.add(self.netns)

    def read_address(self):
        listed = json.loads(self.node.run("nsenter", "-t", self.inner_pid, "-n", "ip", "-j", "-4", "addr", "show", "eth0"))
        return listed[0]["addr_info"][0]["local"]

    def connect(self, address, port):
        """One connect() in its network namespace, to its end."""
        self.node.run("nsenter", "-t", self.inner_pid, "-n", PYTHON, "-I", "-S", "-c", CONNECT, address, str(port))

    def connect_as_member(self, address, port):
        """The same by a process of the pod's own cgroup, which is what a container of it is."""
        self.node.run("sh", "-c", JOIN, "sh", self.inner_pid, "nsenter", "-t", self.inner_pid, "-n", PYTHON, "-I", "-S", "-c", CONNECT, address, str(port))

    def remove(self):
        self.node.inside("remove", self.sandbox)
