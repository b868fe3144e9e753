# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What only a guest of tests/vm may be asked for: settings and modules of the whole machine. Elsewhere it skips; it changes nothing itself."""

import os

from lab import LabError, Skip

# tests/vm names its kernel in the environment.
IN_GUEST = bool(os.environ.get("SYNFATE_TEST_GUEST"))


def only_in_a_guest(why):
    if not IN_GUEST:
        raise Skip(f"{why}: only in the guests of tests/vm")


def loaded_modules():
    """{name: how many use it}"""
    with open("/proc/modules", encoding="ascii") as file:
        return {words[0]: int(words[2]) for words in map(str.split, file)}


def unload(lab, deadline, *wanted):
    """Takes modules out with all that is above them; namespaces that used them may still be going."""
    ours = ("nf", "xt_", "x_tables", "ip_tables", "ip6_tables", "ipt_", "ip6t_", "iptable_", "ip6table_", "ebt", "arp", "ip_vs", "ip_set")
    while set(wanted) & set(loaded_modules()):
        for name, users in loaded_modules().items():
            if users == 0 and name.startswith(ours):
                lab.command("rmmod", name, check=False)
        if deadline.passed():
            raise LabError(f"still loaded: {loaded_modules()}")
