# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What one waits for and what it takes: start to armed, resident memory, the processor's time beside many pods, the size of the binary."""

import os
import resource
import shutil
import subprocess
import tempfile
import time

import inside
from big_node import NODE, BigNode
from figures import Figure
from observers import NotHere, Traced, ahead_of_others
from tool import binary

PODS = 250


def pods_of(options):
    return PODS if options.thorough else 25


def armed_ms(rounds, netns, *arguments):
    """(from the start, of the processors' time)"""
    wall, spent = [], []
    for _ in range(rounds):
        with ahead_of_others():
            traced = Traced(*arguments, netns=netns).start()
        wall.append(traced.armed_ms)
        spent.append(spent_ms(traced.process.pid))
        traced.stop()
    return wall, spent


def armed(lab, options):
    node = BigNode(lab)
    wall, _ = armed_ms(options.rounds, lab.path(NODE))
    yield Figure("armed", "no pods, 20,000 rules", "ms", wall, digits=0)
    count = pods_of(options)
    one = node.more(count)[count // 2]
    # Once more than is counted: what it reads is in memory from then on.
    armed_ms(1, lab.path(NODE))
    for words, arguments in (("", ()), (", --netns", ("--netns", one.netns)), (", --pod", ("--pod", f"bench/pod-{one.number}"))):
        wall, spent = armed_ms(options.rounds, lab.path(NODE), *arguments)
        yield Figure("armed", f"{count} pods, 20,000 rules{words}", "ms", wall, below=150, digits=0)
        yield Figure("armed", "of the processors' time", "ms", spent, digits=0, detail=True)


def map_kib(tgid):
    """What the kernel charges for the BPF maps of a process."""
    maps = {}
    for name in os.listdir(f"/proc/{tgid}/fdinfo"):
        with open(f"/proc/{tgid}/fdinfo/{name}", encoding="ascii") as file:
            fields = dict(line.split(":", 1) for line in file.read().splitlines() if ":" in line)
        if "map_id" in fields and "memlock" in fields:
            maps[int(fields["map_id"])] = int(fields["memlock"])
    return sum(maps.values()) / 1024


def memory(lab, options):
    node, count = BigNode(lab), pods_of(options)
    node.more(count)
    resident, maps = [], []
    for _ in range(3):
        traced = Traced(netns=lab.path(NODE)).start()
        for _ in range(20):
            lab.connect("client", node.case.address, 80, 0.2)
        # A look at processes and namespaces takes its time as well, and is what takes most memory.
        time.sleep(2)
        resident.append(traced.highest_rss_mib())
        maps.append(map_kib(traced.process.pid) / 1024)
        traced.stop()
    words = f"after 20 failed attempts, {count} pods, 20,000 rules"
    yield Figure("memory", f"highest resident memory {words}", "MiB", resident)
    yield Figure("memory", "the kernel's for its BPF maps", "MiB", maps)


def size(_lab, _options):
    if not shutil.which("strip"):
        raise NotHere("not installed: apt-get install binutils")
    with tempfile.TemporaryDirectory() as folder:
        stripped = os.path.join(folder, "synfate")
        subprocess.run(["strip", "-o", stripped, binary()], check=True)
        yield Figure("size", "the binary, stripped", "MB", [os.path.getsize(stripped) / 1e6])


def listing(netns):
    begin, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
    with inside.entered(netns):
        done = subprocess.run([binary(), "pods", "--json"], capture_output=True, check=False)
    after, wall = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic() - begin
    named = sum(1 for line in done.stdout.splitlines() if b'"name":"pod-' in line)
    return wall * 1000, (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) * 1000, named


def spent_ms(tgid):
    with open(f"/proc/{tgid}/stat", encoding="ascii") as file:
        ticks = sum(map(int, file.read().rpartition(")")[2].split()[11:13]))
    return ticks * 1000 / os.sysconf("SC_CLK_TCK")


def pods(lab, options):
    node, count, seconds = BigNode(lab), pods_of(options), 10 if options.thorough else 3
    for words, more in (("no pods", 0), (f"{count} pods", count)):
        node.more(more)
        listed = [listing(lab.path(NODE)) for _ in range(options.rounds)]
        note = f"{listed[0][2]} named" if more else ""
        yield Figure("pods", f"synfate pods, {words}", "ms", [wall for wall, _, _ in listed], digits=0, note=note)
        yield Figure("pods", f"synfate pods, {words}: processor", "ms", [cpu for _, cpu, _ in listed], digits=0)
    traced = Traced(netns=lab.path(NODE)).start()
    # Three looks, after which all processes are known.
    time.sleep(3)
    begin = spent_ms(traced.process.pid)
    time.sleep(seconds)
    idle = spent_ms(traced.process.pid) - begin
    begin, added = spent_ms(traced.process.pid), node.more(20)
    time.sleep(seconds)
    busy = spent_ms(traced.process.pid) - begin
    yield Figure("pods", f"trace beside {count} pods: processor", "ms a second", [idle / seconds])
    yield Figure("pods", "trace beside them: processor for a new pod", "ms", [max(0.0, busy - idle) / len(added)])
    traced.stop()
