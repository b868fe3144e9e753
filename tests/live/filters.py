# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Every filter lets in what it names and keeps out what it does not; several combine with AND.

  poda eth0 ────── va ┐                        DNAT 10.24.96.1:80 → 10.24.1.3:8080
  10.24.1.2           br0 node 10.24.1.1
  podb eth0 ────── vb ┘                        nobody listens anywhere: every connect() is refused
  10.24.1.3
"""

import os
import subprocess
import sys

from expect import any_of, check
from guests import IN_GUEST
from lab import AGENT
from scenario import main

DNAT = "table ip lab {{ chain prerouting {{ type nat hook prerouting priority -100; ip daddr {0} tcp dport 80 dnat to {1}:8080; }}; }}"


def build(lab):
    lab.netns("node", "poda", "podb")
    for pod, port, host in (("poda", "va", 2), ("podb", "vb", 3)):
        lab.veth(pod, "eth0", "node", port)
        lab.address(pod, "eth0", lab.v4(1, host), lab.v6(1, host))
    lab.bridge("node", "br0", "va", "vb")
    lab.address("node", "br0", lab.v4(1, 1), lab.v6(1, 1))
    for pod in ("poda", "podb"):
        lab.route(pod, f"default via {lab.v4(1, 1)}")
    lab.forwarding("node")
    lab.settle()
    lab.nft("node", DNAT.format(lab.v4(96, 1), lab.v4(1, 3)))


# The attempts that every filter is tried on: name, client, destination (subnet, host), port, IP version.
ATTEMPTS = {
    "a_to_b": ("poda", (1, 3), 81, 4),
    "b_to_a": ("podb", (1, 2), 82, 4),
    "a_to_service": ("poda", (96, 1), 80, 4),
    "a_to_b_ipv6": ("poda", (1, 3), 83, 6),
}


def admits(lab, arguments, *names):
    """All attempts are made under a trace with the filter; exactly the named ones may have a row."""
    synfate = lab.synfate("trace", *arguments)
    for client, destination, port, version in ATTEMPTS.values():
        lab.connect(client, lab.v4(*destination) if version == 4 else lab.v6(*destination), port, 2)
    for name in names:
        client, _, port, _ = ATTEMPTS[name]
        synfate.wait_attempt({"client": {"netns": lab.inode(client)}, "flow": {"dport": port}, "fate": "refused"})
    done = synfate.stop()
    ports = {attempt["flow"]["dport"]: attempt for attempt in done.attempts()}
    expected = {ATTEMPTS[name][2] for name in names}
    check(set(ports) == expected, f"{' '.join(map(str, arguments))}: rows for ports {sorted(ports)}, expected {sorted(expected)}")


def netns(lab):
    build(lab)
    admits(lab, ["--netns", lab.inode("podb")], *ATTEMPTS)
    admits(lab, ["--netns", "/run/netns/podb"], *ATTEMPTS)
    lab.netns("elsewhere")
    admits(lab, ["--netns", lab.inode("elsewhere")])


def host(lab):
    build(lab)
    admits(lab, ["--host", lab.v4(96, 1)], "a_to_service")
    admits(lab, ["--host", lab.v4(1, 3) + "/32"], "a_to_b", "b_to_a", "a_to_service")
    admits(lab, ["--host", lab.v6(1, 0) + "/64"], "a_to_b_ipv6")
    admits(lab, ["--host", lab.v4(7, 0) + "/24"])


def source_and_destination(lab):
    build(lab)
    admits(lab, ["--src", lab.v4(1, 2)], "a_to_b", "a_to_service")
    admits(lab, ["--src", lab.v4(1, 3)], "b_to_a")
    admits(lab, ["--src", lab.v6(1, 2)], "a_to_b_ipv6")
    admits(lab, ["--dst", lab.v4(1, 2)], "b_to_a")
    admits(lab, ["--dst", lab.v4(96, 0) + "/24"], "a_to_service")
    admits(lab, ["--dst", lab.v6(1, 3)], "a_to_b_ipv6")


def port(lab):
    build(lab)
    admits(lab, ["--port", 81], "a_to_b")
    admits(lab, ["--port", 80], "a_to_service")
    admits(lab, ["--port", 443])


def together(lab):
    build(lab)
    admits(lab, ["--src", lab.v4(1, 2), "--port", 81], "a_to_b")
    admits(lab, ["--src", lab.v4(1, 2), "--port", 82])
    admits(lab, ["--netns", lab.inode("podb"), "--dst", lab.v4(1, 2)], "b_to_a")


def by_process(lab):
    """The clients are told from each other by who they are: each waits for its turn, so that its tgid is known before it connects."""
    build(lab)
    inside, outside = (waiting_client(lab, "poda", lab.v4(1, 3), port) for port in (91, 92))
    synfate = lab.synfate("trace", "--pid", inside.pid)
    for client in (outside, inside):
        client.communicate(b"go\n", timeout=10)
    row = synfate.wait_attempt({"client": {"netns": lab.inode("poda")}, "fate": "refused"})
    check(row["flow"]["dport"] == 91 and row["client"]["tgid"] == inside.pid, f"--pid admitted {row}")
    done = synfate.stop()
    check(len(done.attempts()) == 1, f"--pid {inside.pid} admitted {done.attempts()}")


def by_cgroup(lab):
    build(lab)
    path, sibling = lab.cgroup("inside"), lab.cgroup("outside")
    inside, outside = (waiting_client(lab, "poda", lab.v4(1, 3), port) for port in (93, 94))
    for client, directory in ((inside, path), (outside, sibling)):
        with open(os.path.join(directory, "cgroup.procs"), "w", encoding="ascii") as members:
            members.write(str(client.pid))
    synfate = lab.synfate("trace", "--cgroup", path)
    for client in (outside, inside):
        client.communicate(b"go\n", timeout=10)
    synfate.wait_attempt({"client": {"netns": lab.inode("poda")}, "flow": {"dport": 93}, "fate": any_of("refused")})
    done = synfate.stop()
    check([a["flow"]["dport"] for a in done.attempts()] == [93], f"--cgroup admitted {done.attempts()}")


def waiting_client(lab, netns, address, dport):
    """A shell that waits for a line and then becomes the client: its tgid stays the same."""
    client = ["nsenter", f"--net=/run/netns/{netns}", "--", "sh", "-c", 'read -r go; exec "$@"', "sh"]
    client += [sys.executable, "-I", "-S", AGENT, "connect", address, str(dport), "2", "0", ""]
    return subprocess.Popen(client, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    # What a prefix or a port matches is the same code on every kernel, and needs seventeen starts of an emulated synfate.
    matching = () if IN_GUEST else (host, source_and_destination, port)
    main(24, __doc__, netns, *matching, together, by_process, by_cgroup)
