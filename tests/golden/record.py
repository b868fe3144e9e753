#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Makes the golden cases from the live labs: record.py [FILE[.SCENARIO] ...], as root, on a machine where nothing else connects.
Each case gets recording.synfate, expected.jsonl and source. It never decides what is right: the labs do, and the reader of the diff."""

import argparse
import datetime
import ipaddress
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
LIVE = os.path.join(os.path.dirname(HERE), "live")

# One case a cause at least; what is about options, endings and errors has nothing to replay.
FILES = (
    "bridge_hairpin",
    "established",
    "forwarding_off",
    "icmp_from_peer",
    "left_node",
    "martian",
    "neighbour_failed",
    "neighbour_unresolved",
    "netfilter_drop",
    "netfilter_policy",
    "netfilter_reject",
    "no_listener",
    "no_route",
    "other",
    "peer_reset",
    "retransmit_passes",
    "route_blackhole",
    "route_prohibit",
    "route_unreachable",
    "rp_filter",
    "same_addresses",
    "synack_dropped",
    "tc_drop",
    "unknown",
    "xdp_drop",
)

LABS = tuple(map(ipaddress.ip_network, ("10.0.0.0/8", "fd66::/16", "127.0.0.0/8", "::1/128")))
LARGEST_BYTES = 512 * 1024


class Refused(Exception):
    """This recording may not become a golden case; the reason is for the person who records."""


def strangers(lines):
    """Addresses of attempts that no lab can have made: the machine's own traffic does not belong into the project."""
    for line in lines:
        if line["type"] == "attempt":
            for end in ("src", "dst"):
                text = line["flow"][end]
                if text and not any(ipaddress.ip_address(text) in lab for lab in LABS):
                    yield text


def replayed(synfate, recording):
    done = subprocess.run([synfate, "replay", "--json", "--all", recording], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Refused(f"replay exits {done.returncode}: {done.stderr.strip()}")
    return done.stdout


def accept(synfate, case, made):
    """Checks one new recording and puts it into its place."""
    recording = os.path.join(made, "recording.synfate")
    if os.path.getsize(recording) > LARGEST_BYTES:
        raise Refused(f"{os.path.getsize(recording)} bytes, more than {LARGEST_BYTES}")
    with open(recording, "rb") as file:
        if platform.node().encode() in file.read():
            raise Refused(f"it contains this machine's name, {platform.node()}")
    text = replayed(synfate, recording)
    lines = [json.loads(line) for line in text.splitlines()]
    if not any(line["type"] == "attempt" for line in lines):
        raise Refused("there is no attempt in it")
    if list(strangers(lines)):
        raise Refused(f"it contains traffic of the machine itself: {', '.join(strangers(lines))}")
    place = os.path.join(HERE, case)
    shutil.rmtree(place, ignore_errors=True)
    os.makedirs(place)
    shutil.copyfile(recording, os.path.join(place, "recording.synfate"))
    with open(os.path.join(place, "expected.jsonl"), "w", encoding="utf-8") as file:
        file.write(text)
    version = subprocess.run([synfate, "--version"], capture_output=True, text=True, check=False).stdout.strip()
    file_name, scenario = case.split("-")
    today = datetime.datetime.now(datetime.timezone.utc).date().isoformat()
    with open(os.path.join(place, "source"), "w", encoding="utf-8") as file:
        file.write(f"tests/golden/record.py {file_name}.{scenario}: the trace of tests/live/{file_name}.py {scenario}\n")
        file.write(f"{version}, Linux {platform.release()} {platform.machine()}, {today}\n")


def record(synfate, wanted):
    """Runs one lab file, or one scenario of it; the names of the cases that were refused."""
    file_name, _, scenario = wanted.partition(".")
    refused = []
    # Not below /run: a lab has a /run of its own.
    with tempfile.TemporaryDirectory(dir=HERE, prefix=".recording-") as made:
        environment = {**os.environ, "SYNFATE": synfate, "SYNFATE_TEST_RECORD": made}
        lab = [sys.executable, "-B", os.path.join(LIVE, f"{file_name}.py")] + ([scenario] if scenario else [])
        done = subprocess.run(lab, env=environment, check=False)
        if done.returncode != 0:
            print(f"refused {wanted}: its lab fails, so there is nothing to be golden", file=sys.stderr)
            return [wanted]
        for case in sorted(os.listdir(made)):
            try:
                accept(synfate, case, os.path.join(made, case))
                print(f"recorded {case}")
            except Refused as reason:
                print(f"refused {case}: {reason}", file=sys.stderr)
                refused.append(case)
    return refused


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("cases", nargs="*", default=FILES, metavar="FILE[.SCENARIO]", help="a file of tests/live (default: all causes)")
    parser.add_argument("--synfate", default=os.path.join(os.path.dirname(os.path.dirname(HERE)), "build", "synfate"))
    arguments = parser.parse_args()
    refused = [case for wanted in arguments.cases for case in record(os.path.abspath(arguments.synfate), wanted)]
    if refused:
        sys.exit(f"{len(refused)} refused: {', '.join(refused)}")


if __name__ == "__main__":
    main()
