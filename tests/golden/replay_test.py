#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Replays golden cases and compares every JSON line exactly: replay_test.py [--all] CASE_DIRECTORY ... ; needs no root.
UPDATE_GOLDEN=1 rewrites what is expected instead: the diff is then the review. It never makes recordings; record.py does."""

import argparse
import difflib
import json
import os
import re
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
LEAST_OLD = 3


def cases_below(directory):
    """The case directories, in order; a directory with only half of a case counts, so that it fails."""
    names = sorted(name for name in os.listdir(directory) if not name.startswith((".", "_")))
    return [os.path.join(directory, name) for name in names if os.path.isdir(os.path.join(directory, name))]


def complaint(synfate, case):
    """What is wrong with a case, or None."""
    missing = [name for name in ("recording.synfate", "expected.jsonl", "source") if not os.path.isfile(os.path.join(case, name))]
    if missing:
        return f"{', '.join(missing)} missing"
    argv = [synfate, "replay", "--json", "--all", os.path.join(case, "recording.synfate")]
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=60)
    if done.returncode != 0:
        return f"replay exits {done.returncode}: {done.stderr.decode(errors='replace').strip()}"
    actual = done.stdout.decode()
    for number, line in enumerate(actual.splitlines(), 1):
        try:
            json.loads(line)
        except ValueError as error:
            return f"line {number} is not JSON: {error}: {line}"
    path = os.path.join(case, "expected.jsonl")
    if os.environ.get("UPDATE_GOLDEN") == "1":
        with open(path, "w", encoding="utf-8") as file:
            file.write(actual)
        return None
    with open(path, encoding="utf-8") as file:
        expected = file.read()
    if actual == expected:
        return unhelpful(actual)
    difference = difflib.unified_diff(pretty(expected), pretty(actual), "expected", "replayed", lineterm="", n=4)
    return "\n".join(difference) or "the same fields, but not the same text"


def unhelpful(text):
    """What is wrong with the next step that rows propose, or None: whoever reads a failure gets one, with this node's own values filled in."""
    for row in map(json.loads, text.splitlines()):
        if row["type"] != "attempt" or row["fate"] == "established":
            continue
        step, where, nat = row.get("next"), row["where"], row["nat"] or {}
        if not step:
            return f"{row['cause']}: no next step"
        if re.search(r"[<>%]|\.\.\.|\b(NAME|ADDRESS|DEVICE|PORT|POD|NAMESPACE)\b", step):
            return f"{row['cause']}: a next step that is to be filled in: {step}"
        names = [where["netns_name"], where["device"], where["pod"], nat.get("dst"), row["flow"]["dst"], row["client"]["netns_name"]]
        names += [hop["device"] for hop in row.get("path", [])]
        services = re.findall(r"\bservice ([\w.-]+)/([\w-]+)", " ".join(row.get("evidence", ())))
        of_service = any(f"-n {namespace} " in step and name in step for namespace, name in services)
        # The number of a program or of a process is this node's own too.
        numbered = re.search(r"\b(show id|_PID=)\s?\d+", step)
        if not of_service and not numbered and not any(name and str(name).rpartition("/")[2] in step for name in names):
            return f"{row['cause']}: a next step that names nothing of this node: {step}"
    return None


def pretty(text):
    """One line a field: a row as one line of 2,000 characters hides what differs."""
    lines = []
    for line in text.splitlines():
        try:
            lines += json.dumps(json.loads(line), indent=1, ensure_ascii=False).splitlines()
        except ValueError:
            lines.append(line)
    return lines


def run(synfate, cases):
    """0 where every case passes; no case at all is a failure."""
    if not cases:
        print(f"no golden case below {HERE}: record some with tests/golden/record.py, as root")
        return 1
    failed = 0
    for case in cases:
        wrong = complaint(synfate, case)
        print(f"{'FAIL' if wrong else 'ok  '}  {os.path.basename(case.rstrip('/'))}")
        if wrong:
            failed += 1
            print(wrong)
    return 1 if failed else 0


def self_test():
    """Shows that it fails: a stand-in for synfate prints the recording itself, and the case expects something else, or is incomplete."""
    with tempfile.TemporaryDirectory() as directory:
        stand_in = os.path.join(directory, "stand-in")
        with open(stand_in, "w", encoding="ascii") as file:
            file.write('#!/bin/sh\nif grep -q fail "$4"; then echo broken >&2; exit 1; fi\nexec cat "$4"\n')
        os.chmod(stand_in, 0o755)
        helpful = json.dumps(
            {
                "type": "attempt",
                "fate": "dropped",
                "cause": "mtu",
                "where": {"netns_name": "router", "device": "eth0", "pod": None},
                "nat": None,
                "flow": {"dst": "10.1.2.3"},
                "client": {"netns_name": "client"},
                "next": "ip netns exec router ip link show dev eth0",
            }
        )
        row = helpful = helpful + "\n"
        vague = [helpful.replace(json.loads(helpful)["next"], words) for words in ("", "ip link show dev <DEVICE>", "look at the rules")]
        tried = (
            ("same", row, row, False),
            ("other fate", row, row.replace("dropped", "refused"), True),
            ("a line more", row + row, row, True),
            ("a line less", "", row, True),
            ("order of fields", row, json.dumps(json.loads(row), sort_keys=True) + "\n", True),
            *((f"next step {number}", words, words, True) for number, words in enumerate(vague)),
            ("not JSON", "fate: dropped\n", "fate: dropped\n", True),
            ("replay fails", "fail\n", row, True),
            ("nothing expected", row, None, True),
        )
        wrong = 0 if run(stand_in, []) == 1 else 1
        os.environ.pop("UPDATE_GOLDEN", None)
        for name, recording, expected, fails in tried:
            case = os.path.join(directory, name)
            os.makedirs(case)
            for file_name, content in (("recording.synfate", recording), ("expected.jsonl", expected), ("source", "self test\n")):
                if content is not None:
                    with open(os.path.join(case, file_name), "w", encoding="ascii") as file:
                        file.write(content)
            if (complaint(stand_in, case) is not None) != fails:
                print(f"self test: {name!r} should {'fail' if fails else 'pass'}")
                wrong = 1
        return wrong


def without_old(cases):
    """A complaint where no recordings of the first wire version are left, and nothing tests that they are still read; record.py keeps some."""
    old = 0
    for case in cases:
        with open(os.path.join(case, "recording.synfate"), "rb") as file:
            old += re.search(rb'"wire_version":1\b', file.read()) is not None
    return None if old >= LEAST_OLD else f"{old} recordings of wire version 1, want {LEAST_OLD} at least"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("cases", nargs="*", metavar="CASE_DIRECTORY")
    parser.add_argument("--all", action="store_true", help="every case beside this script")
    parser.add_argument("--self-test", action="store_true", help="show that this test can fail")
    default = os.path.join(os.path.dirname(os.path.dirname(HERE)), "build", "synfate")
    parser.add_argument("--synfate", default=os.environ.get("SYNFATE", default))
    arguments = parser.parse_args()
    if arguments.self_test:
        sys.exit(self_test())
    cases = cases_below(HERE) if arguments.all else arguments.cases
    failed = run(arguments.synfate, cases)
    complaint_of_all = without_old(cases) if arguments.all and not failed else None
    if complaint_of_all:
        print(f"FAIL  {complaint_of_all}")
    sys.exit(1 if complaint_of_all else failed)


if __name__ == "__main__":
    main()
