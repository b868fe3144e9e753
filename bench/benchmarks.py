# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The benchmarks by name, each in a lab of its own, within the walls that the live tests have: private mounts and processes, nothing stays."""

import sys
import time
import traceback

import cost
import peers
import rates
import start
import verdict
from figures import Figure, document, machine
from lab import Lab
from observers import NotHere
from sandbox import mount_tracefs
from tool import once

ALL = {
    "connect": (rates.rate("connect"), "connect and close through veth, bridge and DNAT, beside synfate and what else one would run"),
    "requests": (rates.rate("requests"), "requests and answers over one connection, the same way"),
    "stream": (rates.rate("stream"), "bytes of one connection, the same way"),
    "drops": (rates.rate("drops"), "SYNs that a rule drops, the same way"),
    "cost": (cost.cost, "nanoseconds of synfate's BPF programs on a packet"),
    "dropped": (cost.dropped, "the same for a SYN that a rule drops"),
    "armed": (start.armed, "start to armed, on a node with 250 pods and 20,000 rules"),
    "verdict": (verdict.verdict, "drop to printed row"),
    "rules": (verdict.rules, "the same with its rule, among many rules, and the memory that it takes"),
    "memory": (start.memory, "resident memory, and the kernel's for BPF maps"),
    "pods": (start.pods, "what many pods take of the processor's time"),
    "size": (start.size, "of the stripped binary"),
}
NETWORK = 90


def said(text, end="\n"):
    print(text, end=end, file=sys.stderr, flush=True)


def one(name, options, failed):
    begin = time.monotonic()
    said(f"{name} ...", end="")
    try:
        with Lab(NETWORK, f"bench.{name}", "see load.py") as lab:
            found = list(ALL[name][0](lab, options))
    except NotHere as reason:
        found = [Figure(name, "all of it", "", [], note=str(reason))]
    except Exception as error:  # the others are worth having all the same
        traceback.print_exc()
        failed.append(name)
        found = [Figure(name, "all of it", "", [], note=f"failed: {str(error).splitlines()[0] if str(error) else type(error).__name__}")]
    said(f" {time.monotonic() - begin:.0f} s")
    return found


def measure(options):
    """The document of all the benchmarks that are asked for."""
    before, failed = machine(), []
    mount_tracefs()
    figures = [figure for name in options.names or ALL for figure in one(name, options, failed)]
    shown = {"rounds": options.rounds, "slice_seconds": options.slice_seconds, "quick": options.quick}
    return {**document(figures, before, once("--version").stdout.strip(), peers.versions(), shown), "failed": failed}
