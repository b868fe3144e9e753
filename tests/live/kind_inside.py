# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Runs inside a container that plays a node of kind: asks its containerd, over the CRI as a kubelet would, for sandboxes. No kubelet, no API server.

  kind_inside.py image                                     imports the image of the pause container, made of busybox
  kind_inside.py run NAMESPACE NAME UID CGROUP pod|host [NAME_SERVER SEARCH...]    prints the sandbox's id
  kind_inside.py remove ID                                 stops and removes it"""

import hashlib
import io
import json
import subprocess
import sys
import tarfile

import grpc

PAUSE = "registry.lab/pause:1"
SOCKET = "unix:///run/containerd/containerd.sock"
# Field numbers of k8s.io/cri-api/pkg/apis/runtime/v1/api.proto
CONFIG, SANDBOX_ID = 1, 1
METADATA, HOSTNAME, LOG_DIRECTORY, DNS, LINUX = 1, 2, 3, 4, 8
SERVERS, SEARCHES = 1, 2
NAME, UID, NAMESPACE = 1, 2, 3
CGROUP_PARENT, SECURITY = 1, 2
NAMESPACE_OPTIONS, NETWORK, NODE = 1, 1, 2


def varint(number):
    out = b""
    while number > 127:
        out += bytes([number & 127 | 128])
        number >>= 7
    return out + bytes([number])


def field(number, value):
    """One field of a protobuf message: a number, a text, or a message."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    data = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(data)) + data


def call(method, request):
    with grpc.insecure_channel(SOCKET) as channel:
        ask = channel.unary_unary("/runtime.v1.RuntimeService/" + method, request_serializer=bytes, response_deserializer=bytes)
        return ask(request, timeout=60, wait_for_ready=True)


def add(archive, name, data, mode=0o644):
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(data), mode
    archive.addfile(entry, io.BytesIO(data))


def image(path):
    """As `docker save` writes one."""
    layer = io.BytesIO()
    with tarfile.open(fileobj=layer, mode="w") as archive:
        with open("/usr/bin/busybox", "rb") as busybox:
            add(archive, "busybox", busybox.read(), 0o755)
    whole = layer.getvalue()
    config = {
        "architecture": "amd64",
        "os": "linux",
        "config": {"Entrypoint": ["/busybox", "sleep", "100000"], "Env": ["PATH=/"]},
        "rootfs": {"type": "layers", "diff_ids": ["sha256:" + hashlib.sha256(whole).hexdigest()]},
    }
    with tarfile.open(path, "w") as archive:
        add(archive, "config.json", json.dumps(config).encode())
        add(archive, "layer.tar", whole)
        add(archive, "manifest.json", json.dumps([{"Config": "config.json", "RepoTags": [PAUSE], "Layers": ["layer.tar"]}]).encode())
    subprocess.run(["ctr", "-n", "k8s.io", "images", "import", path], check=True, stdout=subprocess.DEVNULL)


def run(namespace, name, uid, cgroup, network, server=None, *searches):
    metadata = field(NAME, name) + field(UID, uid) + field(NAMESPACE, namespace)
    linux = field(CGROUP_PARENT, cgroup)
    if network == "host":
        linux += field(SECURITY, field(NAMESPACE_OPTIONS, field(NETWORK, NODE)))
    # As a kubelet does: a pod in the node's network has the node's hostname.
    hostname = b"" if network == "host" else field(HOSTNAME, name)
    config = field(METADATA, metadata) + hostname + field(LOG_DIRECTORY, f"/var/log/pods/{namespace}_{name}_{uid}") + field(LINUX, linux)
    if server:
        config += field(DNS, field(SERVERS, server) + b"".join(field(SEARCHES, search) for search in searches))
    answer = call("RunPodSandbox", field(CONFIG, config))
    # Its only field is the id, 64 bytes.
    print(answer[2:66].decode())


def remove(sandbox):
    call("StopPodSandbox", field(SANDBOX_ID, sandbox))
    call("RemovePodSandbox", field(SANDBOX_ID, sandbox))


if __name__ == "__main__":
    {"image": lambda: image("/tmp/pause.tar"), "run": lambda: run(*sys.argv[2:]), "remove": lambda: remove(*sys.argv[2:])}[sys.argv[1]]()
