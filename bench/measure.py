#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Figures, not tests: how long until armed, until a verdict, how much memory, and what healthy connections pay. As root:

  bench/measure.py            all of them
  bench/measure.py armed verdict memory cost

Everything happens in namespaces of its own, in rounds that alternate where two things are compared; medians with spread."""

import datetime
import os
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "tests", "live"))

from lab import Lab  # noqa: E402
from sandbox import run_inside  # noqa: E402
from tool import binary, once, read_line  # noqa: E402
from topology import routed  # noqa: E402

NAMESPACES = 30


def spread(values, unit):
    values = sorted(values)
    return f"median {statistics.median(values):.1f} {unit}, from {values[0]:.1f} to {values[-1]:.1f}, {len(values)} times"


class Traced:
    """synfate trace, armed."""

    def __init__(self, *arguments):
        ready, write = os.pipe()
        os.set_inheritable(write, True)
        begin = time.monotonic()
        self.process = subprocess.Popen(
            [binary(), "trace", "--json", "--ready-fd", str(write), *arguments],
            pass_fds=[write],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
        )
        os.close(write)
        read_line(ready, 20)
        self.armed_ms = (time.monotonic() - begin) * 1000
        os.close(ready)

    def highest_rss_mib(self):
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) / 1024

    def stop(self):
        self.process.send_signal(2)
        self.process.stdout.read()
        self.process.wait()


def armed(lab):
    for number in range(NAMESPACES):
        lab.netns(f"more{number}")
    values = []
    for _ in range(20):
        traced = Traced()
        values.append(traced.armed_ms)
        traced.stop()
    print(f"armed, {NAMESPACES} namespaces: {spread(values, 'ms')}")


def drop_at(lab, path_event):
    return next(event for event in reversed(path_event) if event["event"] == "drop")


def verdict(lab):
    import json

    routed(lab)
    lab.listener("server", lab.v4(2, 2), 80)
    lab.nft("router", "table ip lab { chain forward { type filter hook forward priority 0; tcp dport 80 drop; }; }")
    values = []
    for _ in range(20):
        traced = Traced("--netns", "/run/netns/client")
        connecting = lab.connecting("client", lab.v4(2, 2), 80, 0.5)
        row = json.loads(read_line(traced.process.stdout.fileno(), 10))
        seen = time.time()
        connecting.outcome(5)
        first = datetime.datetime.strptime(row["first_seen"], "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=datetime.timezone.utc).timestamp()
        values.append((seen - first - drop_at(lab, row["path"])["t_us"] / 1e6) * 1000)
        traced.stop()
    print(f"drop to printed verdict: {spread(values, 'ms')}")


def memory(lab):
    routed(lab)
    for number in range(NAMESPACES):
        lab.netns(f"more{number}")
    lab.nft("router", "table ip lab { chain forward { type filter hook forward priority 0; tcp dport 80 drop; }; }")
    traced = Traced()
    for _ in range(20):
        lab.connect("client", lab.v4(2, 2), 80, 0.2)
    time.sleep(1)
    print(f"highest resident memory after 20 attempts, {NAMESPACES} namespaces: {traced.highest_rss_mib():.1f} MiB")
    traced.stop()


def cost(lab):
    routed(lab)
    lab.nft("router", "table ip lab { chain pre { type nat hook prerouting priority -100; ip daddr 10.%d.96.1 tcp dport 80 dnat to %s:8080; }; }" % (lab.number, lab.v4(2, 2)))
    with tempfile.TemporaryDirectory() as folder:
        loop = os.path.join(folder, "connect_loop")
        subprocess.run(["cc", "-O2", "-o", loop, os.path.join(HERE, "connect_loop.c")], check=True)
        inside = lambda netns: ["nsenter", f"--net=/run/netns/{netns}", "--"]  # noqa: E731
        server = subprocess.Popen([*inside("server"), loop, "server", "8080"], stdout=subprocess.PIPE)
        read_line(server.stdout.fileno(), 5)
        subprocess.run([*inside("client"), "sysctl", "-qw", "net.ipv4.ip_local_port_range=1024 65535"], check=True)

        def rate():
            done = subprocess.run(
                [*inside("client"), loop, "client", f"10.{lab.number}.96.1", "80", "1.5"], stdout=subprocess.PIPE, text=True, check=True
            )
            return float(done.stdout.split()[0])

        rate()
        kept, rates = [], []
        for _ in range(8):
            without = rate()
            traced = Traced()
            rates.append(rate())
            traced.stop()
            kept.append(rates[-1] / ((without + rate()) / 2) * 100)
        server.kill()
        server.wait()
    print(f"connections a second through two hops with DNAT while tracing: {spread(rates, '/s')}")
    print(f"of the rate without tracing, alternating: {spread(kept, '%')}")


MEASURES = {"armed": armed, "verdict": verdict, "memory": memory, "cost": cost}


def main():
    wanted = sys.argv[1:] or list(MEASURES)
    print(once("--version").stdout.strip(), "on", " ".join(os.uname()[i] for i in (0, 2, 4)), f"{os.cpu_count()} CPUs", datetime.date.today())
    for name in wanted:
        with Lab(90, f"measure.{name}", "client ── router ── server") as lab:
            MEASURES[name](lab)
    return 0


if __name__ == "__main__":
    run_inside(main)
