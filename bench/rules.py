#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Figures of naming rules among many: how long from a drop to the printed row with its rule, how much memory, and what a dropped SYN pays
in the kernel. As root:

  bench/rules.py            all of them
  bench/rules.py text cost  [of legacy one_chain many_chains verdict_maps no_endpoints, as in tests/live/big_rules.py]

Everything happens in namespaces of its own; medians with spread. The kernel counts the run time of BPF programs only while this runs."""

import ctypes
import datetime
import json
import os
import platform
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "tests", "live"))

import big_rules  # noqa: E402
from expect import check, differences  # noqa: E402
from lab import Lab  # noqa: E402
from measure import Traced, drop_at, spread  # noqa: E402
from sandbox import run_inside  # noqa: E402
from tool import once, read_line  # noqa: E402

ROUNDS = 12
SYNS = 200
BPF_ENABLE_STATS = 32
BPF_SYSCALL = {"x86_64": 321, "aarch64": 280}


class Children:
    """The highest resident memory of what a process starts; it is looked at over and over, so a short peak may be missed."""

    def __init__(self, tgid):
        self.tgid, self.highest_mib, self.ending = tgid, 0.0, False
        self.thread = threading.Thread(target=self._watch, daemon=True)
        self.thread.start()

    def _watch(self):
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


def row_of(traced, case):
    while True:
        line = read_line(traced.process.stdout.fileno(), 15)
        check(line.endswith("\n"), "no row with the rule came")
        row = json.loads(line)
        if row["type"] == "attempt" and row["revision"] == case.revision and row["flow"]["dst"] == case.address:
            return row, time.time()


def text(lab, build):
    """One new synfate for each drop: what it has read before does not help it."""
    big_rules.services(lab)
    case = build(lab)
    values, memory, others = [], [], []
    for _ in range(ROUNDS):
        traced = Traced("--netns", "/run/netns/router")
        children = Children(traced.process.pid)
        connecting = lab.connecting("client", case.address, big_rules.PORT, 1.5 * case.revision - 1)
        row, seen = row_of(traced, case)
        wrong = differences(case.rule, row["where"]["rule"])
        check(not wrong and row["where"]["rule_gap"] is None, f"{wrong} {row['where']}")
        first = datetime.datetime.strptime(row["first_seen"], "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=datetime.timezone.utc).timestamp()
        values.append((seen - first - drop_at(lab, row["path"])["t_us"] / 1e6) * 1000)
        others.append(children.stop())
        memory.append(traced.highest_rss_mib())
        connecting.outcome(5)
        traced.stop()
    retransmitted = " of the retransmitted SYN" if case.revision == 2 else ""
    print(f"{case.rules}: drop{retransmitted} to printed row with its rule: {spread(values, 'ms')}")
    print(f"  highest resident memory: synfate {max(memory):.1f} MiB, a child that reads the listing {max(others):.1f} MiB")


class BpfStats:
    """The kernel measures BPF programs while this is open, and stops by itself with this process."""

    def __init__(self):
        attributes = (ctypes.c_uint32 * 32)()
        number = BPF_SYSCALL[platform.machine()]
        libc = ctypes.CDLL(None, use_errno=True)
        self.descriptor = libc.syscall(number, BPF_ENABLE_STATS, ctypes.byref(attributes), ctypes.sizeof(attributes))
        check(self.descriptor >= 0, f"BPF_ENABLE_STATS: {os.strerror(ctypes.get_errno())}")

    def close(self):
        os.close(self.descriptor)


def run_times(tgid):
    """{program id: nanoseconds} of the programs that a process holds."""
    times = {}
    for name in os.listdir(f"/proc/{tgid}/fdinfo"):
        try:
            with open(f"/proc/{tgid}/fdinfo/{name}", encoding="ascii") as file:
                fields = dict(line.split(":", 1) for line in file.read().splitlines() if ":" in line)
        except FileNotFoundError:
            continue
        if "run_time_ns" in fields and "link_id" not in fields:
            times[int(fields["prog_id"])] = int(fields["run_time_ns"])
    return times


def spent_us(traced, action):
    before = run_times(traced.process.pid)
    action()
    after = run_times(traced.process.pid)
    return sum(after[program] - before.get(program, 0) for program in after) / 1000


SENDER = """
import socket, sys
held = []
for _ in range(int(sys.argv[3])):
    s = socket.socket()
    s.setblocking(False)
    s.connect_ex((sys.argv[1], int(sys.argv[2])))
    held.append(s)
"""


def send(lab, address, count):
    """Before the first SYN is sent again, all are closed."""
    inside = ["nsenter", "--net=/run/netns/client", "--", sys.executable, "-I", "-S", "-c", SENDER]
    subprocess.run([*inside, address, str(big_rules.PORT), str(count)], check=True, timeout=10)


def each_us(lab, traced, address):
    """Packets of the machine's other traffic count as well: the same without a SYN is taken off, and the median is what counts."""
    values = []
    for _ in range(ROUNDS):
        without = spent_us(traced, lambda: send(lab, address, 0))
        values.append((spent_us(traced, lambda: send(lab, address, SYNS)) - without) / SYNS)
    return values


class Measured:
    """synfate, whose table of iptables-legacy is watched already, and whose rows are read."""

    def __enter__(self):
        self.stats, self.traced = BpfStats(), Traced("--netns", "/run/netns/router")
        threading.Thread(target=self.traced.process.stdout.read, daemon=True).start()
        return self.traced

    def __exit__(self, *_):
        self.traced.process.send_signal(2)
        self.traced.process.wait()
        self.stats.close()


def cost(lab, build):
    big_rules.services(lab)
    case = build(lab)
    with Measured() as traced:
        # Until the row with the rule is there: its text is known, and no reading of rules counts below.
        lab.connect("client", case.address, big_rules.PORT, 3)
        print(f"{case.rules}: in synfate's BPF programs for one dropped SYN, all hops: {spread(each_us(lab, traced, case.address), 'us')}")


def healthy(lab, _build=None):
    """The same for a SYN that nothing drops, and the RST that answers it."""
    big_rules.services(lab)
    with Measured() as traced:
        values = each_us(lab, traced, lab.v4(2, 2))
    print(f"no rule: in synfate's BPF programs for a SYN that a RST answers, all hops: {spread(values, 'us')}")


def main():
    cases = [case for case in big_rules.CASES if case.__name__ in sys.argv] or list(big_rules.CASES)
    measures = [measure for measure in (text, cost) if measure.__name__ in sys.argv] or [text, cost]
    print(once("--version").stdout.strip(), "on", " ".join(os.uname()[i] for i in (0, 2, 4)), f"{os.cpu_count()} CPUs", datetime.date.today())
    todo = [(measure, case) for measure in measures for case in cases] + ([(healthy, None)] if cost in measures else [])
    for measure, case in todo:
        with Lab(90, f"rules.{measure.__name__}", "client ── router ── server") as lab:
            measure(lab, case)
    return 0


if __name__ == "__main__":
    run_inside(main)
