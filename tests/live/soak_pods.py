# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Pods come and go while it traces, each with one connection that succeeds, one that a rule drops, and one that nobody takes: exactly those
are told, each of its own namespace although addresses are used again, and neither memory, nor kernel maps, nor descriptors grow.
SYNFATE_TEST_SOAK_PODS makes it longer: of 30000, an hour's worth, the last 20000 must cost no memory at all.

  pod eth0 ──── veth ┐
  10.145.2.N         br0 (10.145.1.1) ─── toserver ──── eth0 server 10.145.1.2:80 listens, :81 dropped, :82 nobody
  pod ...            ┘ node
"""

import contextlib
import os
import select
import socket

import inside
import tool
from expect import check, expect
from guests import IN_GUEST
from scenario import main

AT_ONCE = 10
PODS = int(os.environ.get("SYNFATE_TEST_SOAK_PODS", "60" if IN_GUEST else "300"))
GREETING = b"synfate\n"
# What is remembered of attempts and of namespaces that are gone is bounded (docs/limits.md), and all of it has come by then; the short form
# sees it fill.
ALL_FILLED = 9000
PER_POD_KIB = 24
MOST_KIB = 65536
# What a heap may be larger at one moment than at another.
SLACK_KIB = 1024


def build(lab):
    lab.netns("node", "server")
    lab.veth("server", "eth0", "node", "toserver")
    lab.bridge("node", "br0", "toserver")
    lab.address("node", "br0", lab.v4(1, 1) + "/16")
    lab.address("server", "eth0", lab.v4(1, 2) + "/16")
    lab.settle()
    lab.nft("server", "table ip lab { chain input { type filter hook input priority 0; tcp dport 81 drop; }; }")
    lab.listener("server", lab.v4(1, 2), 80, 1024)


class Held:
    """What a process holds: resident memory, kernel memory of its maps, descriptors."""

    def __init__(self, tgid):
        with open(f"/proc/{tgid}/status", encoding="ascii", errors="replace") as status:
            self.rss_kib = next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))
        self.descriptors, self.maps = 0, {}
        for name in os.listdir(f"/proc/{tgid}/fdinfo"):
            with contextlib.suppress(FileNotFoundError), open(f"/proc/{tgid}/fdinfo/{name}", encoding="ascii", errors="replace") as file:
                fields = dict(line.split(":", 1) for line in file.read().splitlines() if ":" in line)
                self.descriptors += 1
                if "map_id" in fields:
                    self.maps[int(fields["map_id"])] = int(fields["memlock"])

    def __str__(self):
        return f"{self.rss_kib} KiB resident, {len(self.maps)} maps with {sum(self.maps.values()) // 1024} KiB, {self.descriptors} descriptors"


def begin(lab, names):
    """Pods as a CNI plugin makes them."""
    lab.netns(*names)
    for number, name in enumerate(names):
        # The device of one that has just gone may be there for a moment yet.
        lab.veth(name, "eth0", "node", f"v{name}")
        lab.later("node", f"link set v{name} master br0")
        lab.address(name, "eth0", lab.v4(2, 10 + number) + "/16")
    lab.settle()


def connect(lab, name, wanted):
    """The three connections of one pod; the ports by which two of them are told apart from all others of this address."""
    server, sockets = lab.v4(1, 2), {}
    with inside.entered(lab.path(name)):
        for port in (80, 81, 82):
            sockets[port] = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
            sockets[port].connect_ex((server, port))
    check(bool(select.select([sockets[80]], [], [], 10 * tool.PATIENCE)[0]), "the lab's own server does not answer")
    check(sockets[80].recv(64) == GREETING, "the lab's own server does not greet")
    check(bool(select.select([sockets[82]], [], [], 10 * tool.PATIENCE)[0]), "nobody refuses")
    for port, fate in ((81, "dropped"), (82, "refused")):
        wanted[lab.inode(name), sockets[port].getsockname()[1], port] = fate
    return list(sockets.values())


def end(lab, names):
    for name in names:
        del lab.inodes[name]
    lab.batch([], [f"netns del {name}" for name in names])


def of_pods(lab, row):
    return row["flow"]["src"].startswith(lab.v4(2, ""))


def key_of(row):
    return row["client"]["netns"], row["flow"]["sport"], row["flow"]["dport"]


def pods(lab):
    build(lab)
    # Not of what else the machine may be doing.
    synfate = lab.synfate("trace", "--host", lab.v4(0, 0) + "/16")
    tgid = synfate.process.pid
    # Numbers of namespaces come again, and with one of them a port may: as keys they are not counted.
    keys, told, held = set(), [], []
    for first in range(0, PODS, AT_ONCE):
        names = [f"pod{first + number}" for number in range(AT_ONCE)]
        begin(lab, names)
        expected = {}
        sockets = [one for name in names for one in connect(lab, name, expected)]
        # All of these are told before their pods go: no row is asked for what is not there any more.
        for (netns, sport, dport), fate in expected.items():
            key = netns, sport, dport
            keys.add(key)
            row = synfate.wait_for(
                lambda line, key=key: line.get("type") == "attempt" and key_of(line) == key, 10, f"{fate}: netns, ports {key}"
            )
            told.append((fate, key, row))
        for one in sockets:
            one.close()
        end(lab, names)
        # Only what is kept here: the lines that have been looked at are not needed any more.
        with synfate.changed:
            strange = [line for line in synfate.lines if line.get("type") == "attempt" and of_pods(lab, line) and key_of(line) not in keys]
            del synfate.lines[:], synfate.text[:]
        check(not strange, f"nobody tried this: {strange[:1]}")
        held.append(Held(tgid))
    for fate, (_, sport, dport), row in told:
        expect({"fate": fate, "confidence": "exact", "flow": {"sport": sport, "dport": dport}}, row)
    early, late = held[len(held) // 3], held[-1]
    for share in range(1, 11):
        print(f"{PODS * share // 10} pods: {held[len(held) * share // 10 - 1]}", flush=True)
    check(late.maps == early.maps, "its maps have grown, or there are more")
    check(late.descriptors <= early.descriptors + 1, "it keeps descriptors")
    filling = max(0, min(PODS, ALL_FILLED) - PODS // 3)
    check(late.rss_kib <= early.rss_kib + filling * PER_POD_KIB + SLACK_KIB, "its memory grows")
    check(late.rss_kib <= MOST_KIB, "its memory has grown beyond what it may be")
    done = synfate.stop()
    check([fate for fate, _, _ in told].count("dropped") == PODS and len(told) == 2 * PODS, f"the lab does not work: {len(told)} of {PODS} pods")
    counts = done.summary["attempts"]
    check(all(counts[fate] >= PODS for fate in ("dropped", "refused", "established")), f"{counts} of {PODS} pods")


if __name__ == "__main__":
    main(145, __doc__, pods)
