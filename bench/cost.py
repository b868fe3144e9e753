# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What synfate's BPF programs cost on the packets that they see, by the kernel's own count of their run time, an empty program's taken off."""

import statistics
import time

import big_rules
from bpfstats import BpfStats, Floor, Programs
from figures import Figure
from load import Load, node
from observers import Traced

# Well below what makes the kernel side leave drops out: then most of them would cost next to nothing.
SYNS, PAUSE_SECONDS = 100, 0.5
# Of a connection of the load: SYN, SYN-ACK and ACK; the server's FIN; the client's RST.
HANDSHAKE_PACKETS, OTHER_PACKETS = 3, 2


class Counted:
    """synfate trace, and what its programs do while loads run."""

    def __init__(self, *arguments):
        self.traced, self.stats, self.floors = Traced(*arguments), BpfStats(), []

    def __enter__(self):
        self.stats.__enter__()
        self.traced.start()
        self.programs, self.floor = Programs(self.traced.process.pid), Floor("netif_receive_skb")
        return self

    def __exit__(self, *_):
        self.floor.close()
        self.programs.close()
        self.traced.stop()
        self.stats.__exit__()

    def runs(self, action):
        """{program: (runs, its own nanoseconds)}, programs of one name together. The clock's part is that of the same moment."""
        runs = self.programs.runs_of(lambda: self.floors.append(self.floor.of(action)))
        together = {}
        for one in runs:
            count, ns = together.get(one.name, (0, 0.0))
            together[one.name] = (count + one.runs, ns + one.without(self.floors[-1]))
        return together


def each(runs, names=None):
    chosen = [runs[name] for name in (names or runs) if name in runs]
    return sum(ns for _, ns in chosen) / max(1, sum(count for count, _ in chosen))


def whole(runs, done):
    """Of one connection, request or SYN. What runs for fewer than one in ten is of the machine's other traffic."""
    return sum(ns for count, ns in runs.values() if count > done / 10) / done


def of_handshake(mean, other):
    """The FIN and the RST of a connection are taken off as if they cost no more than any packet, so this is rather too much."""
    return (mean * (HANDSHAKE_PACKETS + OTHER_PACKETS) - other * OTHER_PACKETS) / HANDSHAKE_PACKETS


def loaded(counted, load, options):
    """[(runs, how much the load did)] of each round"""
    rounds = []
    for _ in range(options.rounds):
        done = []
        runs = counted.runs(lambda: done.append(load.during(options.slice_seconds / 3)[0]))  # noqa: B023
        rounds.append((runs, done[0]))
    return rounds


def of_programs(rounds, words):
    """A row for each program that runs often: where the time goes."""
    names = {name for runs, done in rounds for name, (count, _) in runs.items() if count > done / 10}
    share = {name: statistics.median(runs.get(name, (0, 0))[0] / done for runs, done in rounds) for name in names}
    for name in sorted(names, key=lambda name: -share[name]):
        values = [each(runs, [name]) for runs, _ in rounds if name in runs]
        yield Figure("cost", f"{words}: {name}", "ns a run", values, note=f"{share[name]:.1f} runs", detail=True)


def cost(lab, options):
    node(lab)
    packets, connections = Load(lab, "requests"), Load(lab, "connect")
    packets.during(0.1)
    connections.during(0.1)
    with Counted() as counted:
        plain = loaded(counted, packets, options)
        handshakes = loaded(counted, connections, options)
    seen = plain[-1][0]
    # Which programs look at every packet is told by a load that is nothing but packets; route look-ups are fewer.
    looking = [name for name, (count, _) in seen.items() if count > max(count for count, _ in seen.values()) / 2]
    yield Figure("cost", "floor: an empty program", "ns a run", counted.floors, note="taken off below")
    yield Figure("cost", "a packet that is not of a handshake", "ns a run", [each(runs, looking) for runs, _ in plain], below=40)
    other = statistics.median(each(runs, looking) for runs, _ in plain)
    yield Figure("cost", "a handshake packet", "ns a run", [of_handshake(each(runs, looking), other) for runs, _ in handshakes], below=400)
    yield Figure("cost", "a connection, all programs, all hops", "ns", [whole(*one) for one in handshakes], digits=0)
    yield from of_programs(handshakes, "a connection")
    yield Figure("cost", "a request and its answer, all programs, all hops", "ns", [whole(*one) for one in plain], digits=0)
    yield from of_programs(plain, "a request")
    for name, words in (("client", "in the path"), ("other", "of another pod")):
        for load, what in ((connections, "a connection"), (packets, "a request and its answer")):
            with Counted("--netns", lab.path(name)) as counted:
                scoped = loaded(counted, load, options)
            yield Figure("cost", f"{what}, trace --netns {words}", "ns", [whole(*one) for one in scoped], digits=0)


def knocked(counted, load, options):
    """What the programs did for SYNS, in each round."""
    rounds = []
    for _ in range(options.rounds * 2):
        time.sleep(PAUSE_SECONDS)
        rounds.append(counted.runs(lambda: load.send(SYNS)))
    return rounds


def dropped(lab, options):
    """A SYN that a rule drops, after the first that it dropped: its text is known, and a legacy table is watched already."""
    for build in big_rules.CASES if options.thorough else (big_rules.many_chains,):
        lab.clear()
        big_rules.services(lab)
        case = build(lab)
        load = Load(lab, "syns", case.address, big_rules.PORT)
        with Counted() as counted:
            lab.connect("client", case.address, big_rules.PORT, 3)
            rounds = knocked(counted, load, options)
        yield Figure("dropped", case.rules, "µs", [whole(runs, SYNS) / 1000 for runs in rounds], below=20)
        for name in sorted({name for runs in rounds for name in runs}):
            counts = statistics.median(runs.get(name, (0, 0))[0] for runs in rounds) / SYNS
            if counts > 0.1:
                values = [each(runs, [name]) for runs in rounds if name in runs]
                yield Figure("dropped", f"of which {name}", "ns a run", values, note=f"{counts:.1f} runs a SYN", detail=True)
    lab.clear()
    big_rules.services(lab)
    load = Load(lab, "syns", lab.v4(2, 2))
    with Counted() as counted:
        rounds = knocked(counted, load, options)
    yield Figure("dropped", "no rule: a SYN that a RST answers", "µs", [whole(runs, SYNS) / 1000 for runs in rounds])
