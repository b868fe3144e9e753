# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What healthy traffic keeps of its rate while something watches: each measurement has one without anything before it and one after it, and
their mean is what it is compared with. The order is another one in each round."""

import statistics

import peers
from figures import Figure
from load import PORTS, Load, node
from observers import NotHere, Nothing, Traced

UNITS = {"connect": (1, "connections/s"), "requests": (1, "requests/s"), "stream": (1e9 / 8, "Gbit/s"), "drops": (1, "SYNs/s")}
# In percent of the rate without anything. What is dropped is what synfate is for: there, it is only to cost less than what tells less.
LEAST = {"connect": 97, "requests": 99, "stream": 99, "drops": None}
LEAST_SCOPED = {"connect": 99.5, "requests": 99.5, "stream": 99.5, "drops": None}
TRACE = "trace, all hops"


def note_of(peer, kind):
    idle = ", and this load has none" if peer.gives == peers.DROPS and kind != "drops" else ""
    return f"tells {peer.gives} only{idle}"


def watched(lab, kind):
    """[(name, observer, least share of the rate in percent or None, note)]"""
    least, scoped = LEAST[kind], LEAST_SCOPED[kind]
    return [
        ("nothing: the noise of this measurement", Nothing(), None, ""),
        (TRACE, Traced(), least, ""),
        ("trace --netns, in the path", Traced("--netns", lab.path("client")), scoped, ""),
        ("trace --netns, of another pod", Traced("--netns", lab.path("other")), scoped, ""),
        *((peer.name, peer, None, note_of(peer, kind)) for peer in peers.all_of(lab, PORTS[kind][0])),
    ]


class Alternating:
    """The shares, and the rates without anything."""

    def __init__(self, load, options):
        self.load, self.seconds = load, options.slice_seconds
        self.alone, self.shares, self.refused = [], {}, {}
        self.load.rate(self.seconds)

    def without(self):
        self.alone.append(self.load.rate(self.seconds))
        return self.alone[-1]

    def beside(self, observer):
        observer.start()
        try:
            rate = self.load.rate(self.seconds)
            observer.check()
            return rate
        finally:
            observer.stop()

    def round(self, entries):
        before = self.without()
        for name, observer, _, _ in entries:
            if name in self.refused:
                continue
            try:
                rate = self.beside(observer)
            except NotHere as reason:
                self.refused[name] = str(reason)
                continue
            after = self.without()
            self.shares.setdefault(name, []).append(rate / ((before + after) / 2) * 100)
            before = after


def rate(kind):
    def measure(lab, options):
        node(lab)
        entries = watched(lab, kind)
        ours = [entry for entry in entries if not isinstance(entry[1], peers.Peer)]
        others = [entry for entry in entries if entry not in ours]
        # What a goal is about is measured twice in each round: it is about less than the peers differ by.
        half = len(others) // 2
        order = ours + others[:half] + ours + others[half:]
        rounds = Alternating(Load(lab, kind), options)
        for number in range(options.rounds):
            turn = number % len(order)
            rounds.round(order[turn:] + order[:turn])
        divisor, unit = UNITS[kind]
        yield Figure(kind, "rate of this machine, nothing beside it", unit, [one / divisor for one in rounds.alone], digits=1 if divisor > 1 else 0)
        traced = statistics.median(rounds.shares[TRACE]) if TRACE in rounds.shares else None
        for name, observer, least, note in entries:
            # A peer that gives less should cost more.
            below = traced if isinstance(observer, peers.Peer) else None
            shares = rounds.shares.get(name, [])
            yield Figure(kind, name, "%", shares, at_least=least, below=below, note=rounds.refused.get(name, note))

    return measure
