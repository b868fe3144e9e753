# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What an exit status and an output of a test in a guest mean. Pure: it asks no guest.

A skip that skips.txt does not know is a failure, and so is an entry there that was not needed."""

import os
import re

PASSED, FAILED, SKIPPED = 0, 1, 77
# As tests/live/scenario.py says it.
SKIP = re.compile(r"^skip  (\S+): (.*)$", re.M)
LEFT = re.compile(r"^left  (\S+): ", re.M)


class Skips:
    """The entries of one kernel: {"live.name" or "live.name.scenario": reason}"""

    def __init__(self, text, kernel, kernels, file="skips.txt"):
        self.reasons = {}
        for number, line in enumerate(text.splitlines(), 1):
            words = line.split("#", 1)[0].split(None, 2)
            if not words:
                continue
            if len(words) != 3 or words[0] not in (*kernels, "any") or not re.fullmatch(r"(live|bpf)\.\w+(\.\w+)?", words[1]):
                raise ValueError(f"{file}:{number}: not KERNEL TEST[.SCENARIO] REASON: {line}")
            if words[0] in (kernel, "any"):
                self.reasons[words[1]] = words[2]

    def of_test(self, test):
        return self.reasons.get(test)

    def of_scenarios(self, test):
        """{scenario as the test says it: reason}"""
        prefix = test + "."
        return {name[name.index(".") + 1 :]: reason for name, reason in self.reasons.items() if name.startswith(prefix)}


def unknown(skips, tests):
    """Entries about tests that do not exist."""
    return [name for name in skips.reasons if ".".join(name.split(".")[:2]) not in tests]


def judge(last, output, expected, ran_all=True):
    """(status, complaints) of a test: `last` is the guest's last answer, `expected` the scenarios that are to skip themselves."""
    complaints = []
    if last["exit"] is None:
        complaints.append(f"it was ended after {last['seconds']} s: its time ran out")
    elif last["exit"] < 0:
        complaints.append(f"it was ended by signal {-last['exit']}")
    elif last["exit"] not in (PASSED, SKIPPED):
        complaints.append(f"exit status {last['exit']}")
    if last["kernel_failed"]:
        complaints.append("the guest's kernel reports a bug of its own, see above")
    skipped = dict(SKIP.findall(output))
    for name, reason in skipped.items():
        if name not in expected:
            complaints.append(f"{name} skipped itself, and skips.txt does not say that it may: {reason}")
    if ran_all:
        for name in sorted(set(expected) - set(skipped) - set(LEFT.findall(output))):
            complaints.append(f"{name} is in skips.txt and did not skip itself")
    if last["exit"] == SKIPPED and not skipped:
        complaints.append("it skipped itself and did not say what or why")
    if complaints:
        return FAILED, complaints
    return last["exit"], []


def here(name):
    return os.path.join(os.path.dirname(os.path.abspath(__file__)), name)


def skips_of(kernel, kernels):
    with open(here("skips.txt"), encoding="utf-8") as file:
        return Skips(file.read(), kernel, kernels)


def brief_of(kernel, kernels):
    """What is left to other kernels; none of it is a skip that a test makes itself."""
    with open(here("brief.txt"), encoding="utf-8") as file:
        return Skips(file.read(), kernel, kernels, "brief.txt")
