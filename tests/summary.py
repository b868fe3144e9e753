#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The last lines of ./test: what was skipped and why, counts by label, and the total.

Reads ctest's own listing and results and counts; decides nothing about a test that ctest has not decided.
"""

import argparse
import json
import os
import re
import sys
import xml.etree.ElementTree as ElementTree

PASSED, FAILED, SKIPPED = "passed", "failed", "skipped"


def clean(text):
    """One bounded line that a terminal cannot be moved by."""
    line = "".join(c if c.isprintable() else "?" for c in text.strip())
    return line if len(line) <= 200 else line[:197] + "..."


def skip_reason(output):
    """A test that skips says why on a line that begins with "skip"; failing that, its last line is taken."""
    lines = [line for line in output.splitlines() if line.strip()]
    for line in lines:
        said = re.match(r"\s*\[?skip(?:ped|ping)?\b\]?[:\s]*(.*)", line, re.IGNORECASE)
        if said and said.group(1):
            return clean(said.group(1))
    return clean(lines[-1]) if lines else "it gave no reason"


def labels_by_test(listing):
    """{name: [label, ...]} from `ctest --show-only=json-v1`."""
    tests = {}
    for test in listing["tests"]:
        labels = [p["value"] for p in test.get("properties", []) if p["name"] == "LABELS"]
        tests[test["name"]] = labels[0] if labels else ["unlabelled"]
    return tests


def outcomes(junit):
    """{name: (PASSED | FAILED | SKIPPED, reason)} from ctest's JUnit file."""
    found = {}
    for case in junit.iter("testcase"):
        status = case.get("status")
        skipped = case.find("skipped")
        message = skipped.get("message", "") if skipped is not None else ""
        if status == "run":
            outcome = (PASSED, "")
        elif status == "disabled":
            outcome = (SKIPPED, "disabled in CMake")
        elif status == "notrun" and message.startswith("SKIP_"):
            outcome = (SKIPPED, skip_reason(case.findtext("system-out") or ""))
        else:
            outcome = (FAILED, clean(message))
        found[case.get("name")] = outcome
    return found


def collect(listing, junit, held_back, because):
    """(labels by test, outcomes): tests that were held back are skips, tests without a result are failures."""
    labels = labels_by_test(listing)
    found = outcomes(junit)
    for name, names in labels.items():
        if name in found:
            continue
        if held_back and any(re.search(held_back, label) for label in names):
            found[name] = (SKIPPED, because)
        else:
            found[name] = (FAILED, "ctest has no result for it")
    return labels, found


def report(labels, found):
    """The lines to print."""
    lines = []
    by_reason = {}
    for name in sorted(found):
        if found[name][0] == SKIPPED:
            by_reason.setdefault(found[name][1], []).append(name)
    for reason, names in by_reason.items():
        lines.append("skipped: %s: %s" % (", ".join(names), reason))
    by_label = {}
    for name, (outcome, _) in found.items():
        for label in labels.get(name, ["unlabelled"]):
            counts = by_label.setdefault(label, dict.fromkeys((PASSED, FAILED, SKIPPED), 0))
            counts[outcome] += 1
    parts = []
    for label in sorted(by_label):
        counts = by_label[label]
        part = "%s %d/%d" % (label, counts[PASSED], sum(counts.values()))
        extra = ["%d %s" % (counts[k], k) for k in (FAILED, SKIPPED) if counts[k]]
        parts.append(part + (" (%s)" % ", ".join(extra) if extra else ""))
    lines.append("by label: " + ", ".join(parts))
    total = [sum(1 for outcome, _ in found.values() if outcome == kind) for kind in (PASSED, FAILED, SKIPPED)]
    lines.append("%d passed, %d failed, %d skipped" % tuple(total))
    return lines


def main(arguments):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("listing", help="output of ctest --show-only=json-v1")
    parser.add_argument("results", help="output of ctest --output-junit")
    parser.add_argument("--held-back", default="", help="labels that were not run at all, as a regular expression")
    parser.add_argument("--because", default="", help="why")
    options = parser.parse_args(arguments)
    with open(options.listing, encoding="utf-8") as file:
        listing = json.load(file)
    if not listing["tests"]:
        print("no test matches", file=sys.stderr)
        return 1
    if not os.path.exists(options.results):
        # ctest was asked only to list, or it failed and its own status says so.
        return 0
    try:
        junit = ElementTree.parse(options.results)
    except ElementTree.ParseError as error:
        print("ctest's results cannot be read: %s: %s" % (options.results, error), file=sys.stderr)
        return 1
    labels, found = collect(listing, junit, options.held_back, options.because)
    for line in report(labels, found):
        print(line)
    return 1 if any(outcome == FAILED for outcome, _ in found.values()) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
