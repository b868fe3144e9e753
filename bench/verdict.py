# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""How long from a drop to the printed row, with its rule, and what memory the reading of rules takes."""

import contextlib
import datetime
import json
import os
import subprocess
import threading
import time

import big_rules
from expect import check, differences
from figures import Figure
from observers import Traced, ahead_of_others
from tool import PATIENCE, read_line
from topology import routed


class Children:
    """The highest resident memory of what a process starts; it is looked at over and over, so a short peak may be missed."""

    def __init__(self, tgid):
        self.tgid, self.highest_mib, self.ending = tgid, 0.0, False
        self.thread = threading.Thread(target=self._watch, daemon=True)
        self.thread.start()

    def _watch(self):
        # What it watches is started ahead_of_others(): it must come before even that.
        with contextlib.suppress(PermissionError):
            os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(2))
        while not self.ending:
            try:
                with open(f"/proc/{self.tgid}/task/{self.tgid}/children", encoding="ascii") as file:
                    children = file.read().split()
                for child in children:
                    with open(f"/proc/{child}/status", encoding="ascii") as file:
                        kib = next((int(line.split()[1]) for line in file if line.startswith("VmHWM")), 0)
                    self.highest_mib = max(self.highest_mib, kib / 1024)
            except OSError:
                continue
            time.sleep(0.002)

    def stop(self):
        self.ending = True
        self.thread.join()
        return self.highest_mib


def row_of(traced, address, revision):
    """(the row, when it was read)"""
    while True:
        line = read_line(traced.process.stdout.fileno(), 15 * PATIENCE)
        check(line.endswith("\n"), "no such row came")
        row = json.loads(line)
        if row["type"] == "attempt" and row["revision"] == revision and row["flow"]["dst"] == address:
            return row, time.time()


def waited_ms(row, seen):
    first = datetime.datetime.strptime(row["first_seen"], "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=datetime.timezone.utc).timestamp()
    drop = next(event for event in reversed(row["path"]) if event["event"] == "drop")
    return (seen - first - drop["t_us"] / 1e6) * 1000


def traced_from(netns):
    """A new synfate for each drop: what another has read does not help it."""
    return Traced("--netns", f"/run/netns/{netns}", stdout=subprocess.PIPE).start()


def verdict(lab, options):
    routed(lab)
    lab.listener("server", lab.v4(2, 2), 80)
    lab.nft("router", "table ip lab { chain forward { type filter hook forward priority 0; tcp dport 80 drop; }; }")
    values = []
    for _ in range(options.rounds * 2):
        with ahead_of_others():
            traced = traced_from("client")
            connecting = lab.connecting("client", lab.v4(2, 2), 80, 0.5)
            values.append(waited_ms(*row_of(traced, lab.v4(2, 2), 1)))
        connecting.outcome(5)
        traced.stop()
    yield Figure("verdict", "drop to printed row, one rule of nft", "ms", values)


def rules(lab, options):
    for build in big_rules.CASES if options.thorough else (big_rules.many_chains,):
        lab.clear()
        big_rules.services(lab)
        case = build(lab)
        values, memory, others = [], [], []
        for _ in range(options.rounds):
            with ahead_of_others():
                traced = traced_from("router")
                children = Children(traced.process.pid)
                connecting = lab.connecting("client", case.address, big_rules.PORT, 1.5 * case.revision - 1)
                row, seen = row_of(traced, case.address, case.revision)
            wrong = differences(case.rule, row["where"]["rule"])
            check(not wrong and row["where"]["rule_gap"] is None, f"{wrong} {row['where']}")
            values.append(waited_ms(row, seen))
            others.append(children.stop())
            memory.append(traced.highest_rss_mib())
            connecting.outcome(5)
            traced.stop()
        note = "of the retransmitted SYN" if case.revision == 2 else ""
        yield Figure("rules", f"{case.rules}: drop to printed row", "ms", values, note=note)
        yield Figure("rules", "highest resident memory", "MiB", memory, detail=True)
        yield Figure("rules", "of a child that reads the listing", "MiB", others, detail=True)
