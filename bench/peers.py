# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What else one would run on a node whose connections time out. Each is ready when it has said something of connections that are made for that, and
writes to a file in memory, a line at a time as it would to a terminal. None of them tells a rule, and `gives` says what each does."""

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time

import inside
from load import CLOSED_PORT, service
from observers import NotHere
from tool import PATIENCE

SEARCHED = "/usr/sbin:/usr/bin:/sbin:/bin"
PROGRAMS = ("tcpdump", "nft", "perf", "bpftrace", "tcpstates", "tcptracer", "dropwatch", "tcpdrop-bpfcc")
DROPS = "drops"
SYN = "tcp[tcpflags] & tcp-syn != 0"
NFT_RULE = "table ip watched { chain prerouting { type filter hook prerouting priority -350; tcp flags & (syn | ack) == syn meta nftrace set 1; }; }"


class Peer:
    """`argv` runs in the namespace `node`, where the wires meet. `port` of the service is open."""

    def __init__(self, lab, port, name, gives, package, argv, first_words=b""):
        self.lab, self.port, self.name, self.gives, self.package, self.argv, self.first_words = lab, port, name, gives, package, argv, first_words
        self.process = self.output = None

    def start(self):
        if not shutil.which(self.argv[2 if self.argv[0] == "stdbuf" else 0], path=SEARCHED):
            raise NotHere(f"not installed: apt-get install {self.package}")
        self.output = tempfile.TemporaryFile(dir="/run")
        with inside.entered(self.home()):
            self.process = subprocess.Popen(self.argv, stdin=subprocess.PIPE, stdout=self.output, stderr=subprocess.STDOUT)
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.write(self.first_words)
            self.process.stdin.flush()
        # A greeting is no sign of readiness: twice in a row it must have spoken of what was done.
        spoken, deadline = 0, time.monotonic() + 10 * PATIENCE
        while spoken < 2:
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.refuse()
            before = self.said()
            self.poke()
            spoken = spoken + 1 if self.speaks(before) else 0

    def home(self):
        return self.lab.path("node")

    def refuse(self):
        words = self.words()
        self.stop()
        raise NotHere(f"does not work here: {words}")

    def poke(self):
        """Two SYNs that pass the bridge: one dies for want of a route, one is answered."""
        with inside.entered(self.lab.path("client")):
            for port in (CLOSED_PORT, self.port):
                with socket.socket() as one:
                    one.settimeout(0.05)
                    with contextlib.suppress(OSError):
                        one.connect((service(self.lab), port))

    def speaks(self, before):
        """Some collect what they say for a second, and an emulated one is short."""
        deadline = time.monotonic() + 2 * PATIENCE
        while self.said() <= before and self.process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.02)
        return self.said() > before

    def check(self):
        """That it still runs."""
        if self.process.poll() is not None:
            self.refuse()

    def said(self):
        return os.fstat(self.output.fileno()).st_size

    def words(self):
        self.output.seek(0)
        lines = [line.strip() for line in self.output.read(4000).decode(errors="replace").splitlines()]
        return next((line for line in lines if re.search(r"\b([Ee]rror|[Uu]nable|[Cc]annot|not|[Ff]ailed)\b|[a-z]Error\b", line)), "it says nothing of such connections")[:100]

    def stop(self):
        if self.process is None:
            return
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(5 * PATIENCE)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        self.output.close()
        self.process = None


class NftMonitor(Peer):
    """With the rule that it needs, which it takes along."""

    def start(self):
        self.lab.nft("node", NFT_RULE)
        super().start()

    def stop(self):
        super().stop()
        self.lab.run("node", "nft", "delete", "table", "ip", "watched")


class Dropwatch(Peer):
    """What it asks of the kernel is there in the first network namespace only; it hears of drops in all."""

    def home(self):
        return "/proc/thread-self/ns/net"


def all_of(lab, port):
    reason = 'tracepoint:skb:kfree_skb { printf("%s %d\\n", comm, args->reason); }'
    tcpdump, to_terminal = ["tcpdump", "-Z", "root", "-l", "-n", "-i"], ["stdbuf", "-oL"]
    wanted = [
        (Peer, "tcpdump of SYNs, any device", "packets", "tcpdump", [*tcpdump, "any", SYN]),
        (Peer, "tcpdump of SYNs, one bridge", "packets of one device", "tcpdump", [*tcpdump, "br0", SYN]),
        (NftMonitor, "nft monitor trace, a rule for SYNs", "rules that were met", "nftables", [*to_terminal, "nft", "monitor", "trace"]),
        (Peer, "perf trace -e skb:kfree_skb", DROPS, "linux-perf", ["perf", "trace", "-a", "-e", "skb:kfree_skb"]),
        (Peer, "bpftrace, skb:kfree_skb", DROPS, "bpftrace", ["bpftrace", "-e", reason]),
        (Peer, "tcpstates of libbpf-tools", "states of sockets", "libbpf-tools", [*to_terminal, "tcpstates"]),
        (Peer, "tcptracer of libbpf-tools", "connections", "libbpf-tools", [*to_terminal, "tcptracer"]),
        (Dropwatch, "dropwatch", DROPS, "dropwatch", ["dropwatch", "-l", "kas"], b"start\n"),
        (Peer, "tcpdrop of bpfcc-tools", DROPS, "bpfcc-tools", ["tcpdrop-bpfcc"]),
    ]
    return [kind(lab, port, *rest) for kind, *rest in wanted]


def versions():
    """Of the packages that are installed; the benchmarks run what the distribution has."""
    names = ["tcpdump", "nftables", "linux-perf", "bpftrace", "libbpf-tools", "dropwatch", "bpfcc-tools"]
    if not shutil.which("dpkg-query", path=SEARCHED):
        return {}
    asked = subprocess.run(["dpkg-query", "-W", "-f", "${Package} ${Version}\n", *names], capture_output=True, text=True, check=False)
    return dict(line.split(" ", 1) for line in asked.stdout.splitlines() if not line.endswith(" "))
