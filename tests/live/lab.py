# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A lab: network namespaces, the wires between them, and processes in them. It makes packets die; it does not look for them."""

import json
import os
import subprocess
import sys
import time

import inside
import tool
from sandbox import cgroup_name, cgroup_root
from witness import Witness

HERE = os.path.dirname(os.path.abspath(__file__))
AGENT = os.path.join(HERE, "agent.py")


class LabError(Exception):
    """The lab itself could not be built: says nothing about synfate."""


class Skip(Exception):
    """This machine cannot do what the scenario needs; the reason is printed."""


class Agent:
    """A running agent.py: its tgid as synfate sees it, and its reports."""

    def __init__(self, process):
        self.process, self.tgid = process, process.pid

    def report(self, timeout=10.0):
        """Its next JSON line."""
        line = tool.read_line(self.process.stdout.fileno(), timeout * tool.PATIENCE)
        if not line:
            error = self.process.stderr.read().decode() if self.process.poll() is not None else "no word from it in time"
            raise LabError(f"agent {self.process.args}: {error}")
        return json.loads(line)

    def close(self):
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            stream.close()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Connecting(Agent):
    """A connect() under way."""

    def outcome(self, timeout):
        """{"errno": 0 | number | None where its own time ran out, "elapsed": seconds, "sport": its port}"""
        return self.report(timeout)


class Lab:
    """`number` makes the lab's addresses its own: 10.number.SUBNET.HOST and fd66:number:SUBNET::HOST."""

    def __init__(self, number, name, picture):
        self.number, self.name, self.picture = number, name, picture
        self.inodes = {}
        # What `ip` has to do yet: by no namespace of its own, and in each. A program for each line is most of what a lab costs when emulated.
        self.wires, self.waiting = [], {}
        self.agents = []
        self.tools = []
        # Whatever else has a close(), and the network namespaces that it made.
        self.others, self.nested = [], set()
        # Segments that were sent again behind synfate's back, once the lab has failed.
        self.witness, self.unseen = Witness(), 0

    def __enter__(self):
        return self

    def __exit__(self, kind, error, _trace):
        if error is not None and not isinstance(error, Skip):
            self.unseen = self.witness.unseen()
            self.explain()
            if os.environ.get("SYNFATE_TEST_SHELL") == "1":
                print(f"{kind.__name__}: {error}", file=sys.stderr)
                self.shell()
        self.clear()

    def explain(self):
        """What a reader of a failure needs: the picture, who is who, everything that synfate said."""
        print(self.picture, file=sys.stderr)
        for name, inode in self.inodes.items():
            print(f"  netns {name}: {inode}", file=sys.stderr)
        for one in self.tools:
            one.explain()

    def shell(self):
        print("a shell inside the lab: ip netns exec NAME ...; the test ends when it ends", file=sys.stderr)
        subprocess.run(["/bin/bash", "--norc"], check=False)

    def clear(self):
        """Everything ends and goes; the lab can be built anew."""
        for one in self.tools:
            one.kill()
        for one in self.agents + self.others:
            one.close()
        self.witness.close()
        self.tools, self.agents, self.others, self.nested = [], [], [], set()
        self.wires, self.waiting = [], {}
        names, self.inodes = list(self.inodes), {}
        self.batch([], [f"netns del {name}" for name in names])

    # Addresses

    def v4(self, subnet, host):
        return f"10.{self.number}.{subnet}.{host}"

    def v6(self, subnet, host):
        return f"fd66:{self.number}:{subnet}::{host}"

    def both(self, subnet, host):
        return self.v4(subnet, host), self.v6(subnet, host)

    # Building

    def command(self, *argv, stdin=None, check=True):
        self.flush()
        return self.command_now(*argv, stdin=stdin, check=check)

    def command_now(self, *argv, stdin=None, check=True):
        done = subprocess.run(argv, input=stdin, capture_output=True, text=True, check=False)
        if check and done.returncode != 0:
            raise LabError(f"{' '.join(argv)}: exit {done.returncode}: {done.stderr.strip()}")
        return done.stdout

    def run(self, netns, *argv, stdin=None):
        """Runs a command inside a namespace; its stdout."""
        return self.command("nsenter", f"--net=/run/netns/{netns}", "--", *argv, stdin=stdin)

    def ip(self, netns, words):
        return self.command("ip", "-n", netns, *words.split())

    def batch(self, options, lines):
        if lines:
            self.command_now("ip", *options, "-batch", "-", stdin="\n".join([*lines, ""]))

    def later(self, netns, words):
        """What `ip` does in that namespace before anything else happens there; in the order of these calls."""
        self.waiting.setdefault(netns, []).append(words)

    def flush(self):
        wires, waiting, self.wires, self.waiting = self.wires, self.waiting, [], {}
        self.batch([], wires)
        for netns, lines in waiting.items():
            self.batch(["-n", netns], lines)

    def path(self, netns):
        return f"/run/netns/{netns}"

    def netns(self, *names):
        self.flush()
        self.batch([], [f"netns add {name}" for name in names])
        for name in names:
            self.inodes[name] = os.stat(self.path(name)).st_ino
            self.later(name, "link set lo up")
            # Duplicate address detection would leave IPv6 addresses unusable for a second.
            self.write_sysctl(name, "net.ipv6.conf.default.accept_dad", 0)
            self.write_sysctl(name, "net.ipv6.conf.all.accept_dad", 0)

    def remove_netns(self, name):
        del self.inodes[name]
        self.command("ip", "netns", "del", name)

    def inode(self, name):
        return self.inodes[name]

    def sysctl(self, netns, key, value):
        self.flush()
        self.write_sysctl(netns, key, value)

    def has_sysctl(self, netns, key):
        with inside.entered(self.path(netns)):
            return os.path.exists("/proc/sys/" + key.replace(".", "/"))

    def write_sysctl(self, netns, key, value):
        with inside.entered(self.path(netns)), open("/proc/sys/" + key.replace(".", "/"), "w", encoding="ascii") as file:
            file.write(str(value))

    def veth(self, netns, device, peer_netns, peer_device):
        self.wires.append(f"link add {device} netns {netns} type veth peer name {peer_device} netns {peer_netns}")
        self.later(netns, f"link set {device} up")
        self.later(peer_netns, f"link set {peer_device} up")

    def bridge(self, netns, device, *ports):
        self.later(netns, f"link add {device} type bridge forward_delay 0 stp_state 0")
        self.later(netns, f"link set {device} up")
        for port in ports:
            self.later(netns, f"link set {port} master {device}")

    def address(self, netns, device, *addresses):
        """Addresses without a length are on a /24 or a /64."""
        for address in addresses:
            version = 6 if ":" in address else 4
            length = "" if "/" in address else ("/64" if version == 6 else "/24")
            self.later(netns, f"addr add {address}{length} dev {device}" + (" nodad" if version == 6 else ""))

    def route(self, netns, *routes):
        for route in routes:
            self.later(netns, f"route add {route}")

    def forwarding(self, netns):
        self.write_sysctl(netns, "net.ipv4.ip_forward", 1)
        self.write_sysctl(netns, "net.ipv6.conf.all.forwarding", 1)

    def mac(self, netns, device):
        return json.loads(self.ip(netns, f"-j link show dev {device}"))[0]["address"]

    def neighbours(self, netns, device, peer_netns, peer_device, *addresses):
        """Permanent neighbour entries: no ARP, so a device that drops everything drops the SYN and not the question before it."""
        mac = self.mac(peer_netns, peer_device)
        for address in addresses:
            self.later(netns, f"neigh replace {address} lladdr {mac} dev {device} nud permanent")

    def settle(self):
        """Returns when every link is up and no address is tentative."""
        self.flush()
        deadline = time.monotonic() + 10 * tool.PATIENCE
        while True:
            waiting = [f"{netns}: {words}" for netns in self.inodes for words in inside.unsettled(self.path(netns))]
            if not waiting:
                return
            if time.monotonic() > deadline:
                raise LabError("not up: " + ", ".join(waiting))

    def wait_until(self, ready, words, timeout=10):
        """`words` say what is wrong when it never is."""
        deadline = time.monotonic() + timeout * tool.PATIENCE
        while not ready():
            if time.monotonic() > deadline:
                raise LabError(words)

    def wait_link(self, netns, device, accepts, words):
        """Returns when what `ip -d -j link` says of that device is accepted."""
        deadline = tool.Deadline(10)
        while not accepts(json.loads(self.ip(netns, f"-d -j link show dev {device}"))[0]):
            if deadline.passed():
                raise LabError(f"{netns}: {device}: not so: {words}")

    def unplug(self, netns, device, peer_netns, peer_device):
        """Takes the other end of a veth down, and waits until this one has no carrier."""
        self.ip(peer_netns, f"link set {peer_device} down")
        self.wait_link(netns, device, lambda link: "NO-CARRIER" in link["flags"], "no carrier")

    def nft(self, netns, text):
        self.run(netns, "nft", "-f", "-", stdin=text)

    def iptables(self, netns, backend, words):
        """`backend`: iptables-legacy, iptables-nft, ip6tables-legacy, ip6tables-nft."""
        self.run(netns, backend, "-w", *words.split())

    # Processes

    def agent(self, netns, *words, kind=Agent, enter=(), environment=None, script=AGENT):
        self.flush()
        words = [str(word) for word in words]
        if script == AGENT and not enter and environment is None:
            agent = kind(inside.Forked(self.path(netns), words))
        else:
            argv = ["nsenter", f"--net=/run/netns/{netns}", "--", *enter, sys.executable, "-I", "-S", script, *words]
            pipe = subprocess.PIPE
            agent = kind(subprocess.Popen(argv, stdin=pipe, stdout=pipe, stderr=pipe, env=environment))
        self.agents.append(agent)
        return agent

    def listener(self, netns, address, port, backlog=128, device=""):
        """A real server that accepts and greets; it is listening when this returns. `device`: the only one that it listens on."""
        server = self.agent(netns, "listen", address, port, backlog, device)
        server.report()
        return server

    def has_module(self, *names):
        """What synfate asks only where it is loaded already. A guest has no module that nobody has asked for; elsewhere it is there, since
        whoever lists sockets or connections has the kernel load it."""
        if os.environ.get("SYNFATE_TEST_GUEST"):
            self.command("modprobe", "-a", *names)

    def full_listener(self, netns, address, port, backlog=0, connections=None):
        """A listener that accepts nothing, with so many connections in its queue: by default without room for one more."""
        self.has_module("tcp_diag")
        server = self.agent(netns, "full-listener", address, port, backlog, backlog + 1 if connections is None else connections)
        server.report()
        return server

    def one_more(self, server):
        """One more connection for a full_listener(); it is in the queue when this returns."""
        server.process.stdin.write(b"\n")
        server.process.stdin.flush()
        server.report()

    def half_open(self, netns, port):
        """How many connections on that port wait for the client's ACK, IPv4 and IPv6."""
        count = 0
        with inside.entered(self.path(netns)):
            for name in ("tcp", "tcp6"):
                with open(f"/proc/thread-self/net/{name}", encoding="ascii") as rows:
                    columns = [row.split() for row in rows][1:]
                count += sum(1 for row in columns if row[3] == "03" and row[1].endswith(f":{port:04X}"))
        return count

    def tcp_counter(self, netns, name):
        """One of TcpExt, as nstat has it."""
        with inside.entered(self.path(netns)), open("/proc/thread-self/net/netstat", encoding="ascii") as text:
            names, values = [row.split() for row in text if row.startswith("TcpExt:")]
        return int(values[names.index(name)])

    def wait_number(self, number, least, words):
        """`number()` is what is waited for to be that high."""
        deadline = time.monotonic() + 10 * tool.PATIENCE
        while number() < least:
            if time.monotonic() > deadline:
                raise LabError(f"{words}: {number()}, not {least}")

    def conntrack_counter(self, netns, name):
        """One of those that `conntrack -S` shows, of all processors together."""
        with inside.entered(self.path(netns)), open("/proc/thread-self/net/stat/nf_conntrack", encoding="ascii") as file:
            header, *rows = [line.split() for line in file]
        return sum(int(row[header.index(name)], 16) for row in rows)

    def tun(self, netns, device, *addresses, mode="silent"):
        """An edge device; beyond it a host that is `silent`, or answers SYNs with `rst`, `icmp` (host unreachable) or `icmp-port`. `ethernet`: with
        MAC addresses, and silent to ARP as well."""
        world = self.agent(netns, "tun", device, mode)
        world.report()
        self.later(netns, f"link set {device} up")
        self.address(netns, device, *addresses)
        return world

    def connecting(self, netns, address, port, timeout=0.3, sport=0, source="", enter=()):
        """Begins a connect(); `timeout` is when the client itself gives up and closes."""
        return self.agent(netns, "connect", address, port, timeout, sport, source, kind=Connecting, enter=enter)

    def connect(self, netns, address, port, timeout=0.3, sport=0, source=""):
        """A connect() to its end: its outcome, with the client's tgid."""
        client = self.connecting(netns, address, port, timeout, sport, source)
        outcome = client.outcome(timeout + 10)
        outcome["tgid"] = client.tgid
        return outcome

    def holding(self, netns, address, port, sport=0):
        """A connection that is there when this returns, and stays."""
        client = self.agent(netns, "hold", address, port, sport)
        client.report()
        return client

    def helper(self, netns, file, *words):
        """Another program beside this file, with the manners of agent.py; ready when this returns."""
        one = self.agent(netns, *words, script=os.path.join(HERE, file))
        one.report()
        return one

    def cgroup(self, name):
        """A cgroup v2 directory that goes with the test."""
        root = cgroup_root()
        if root is None:
            raise Skip("no cgroup v2 hierarchy is mounted here")
        path = os.path.join(root, cgroup_name(os.environ["SYNFATE_LIVE_TAG"]), name)
        try:
            os.makedirs(path, exist_ok=True)
        except OSError as error:
            raise Skip(f"no cgroup can be made here: {error}") from error
        return path

    # The tool

    def synfate(self, *arguments, **options):
        """Starts synfate and returns when it is armed."""
        self.flush()
        self.witness.expect()
        one = tool.Synfate(self, [str(a) for a in arguments], **options)
        self.tools.append(one)
        one.wait_ready()
        self.witness.begin([self.path(name) for name in self.inodes])
        return one
