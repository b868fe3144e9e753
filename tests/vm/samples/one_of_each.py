# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A live test for rig.py: what becomes of its outcomes. It is no test of synfate, and tests/live does not know it.

  lonely
"""

import os
import select
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "live"))
from expect import check  # noqa: E402
from lab import Skip  # noqa: E402
from scenario import main  # noqa: E402


def passes(lab):
    lab.netns("lonely")
    check("lo" in lab.ip("lonely", "link"), "no loopback")


def fails(lab):
    lab.netns("lonely")
    check(False, "a sample that fails")


def skips(_lab):
    raise Skip("a sample that skips itself")


def hangs(_lab):
    print("a sample that hangs", flush=True)
    select.select([], [], [])


def kernel_complains(_lab):
    with open("/dev/kmsg", "w", encoding="ascii") as log:
        log.write("WARNING: a sample that pretends to be the kernel\n")


if __name__ == "__main__":
    main(97, __doc__, passes, fails, skips, hangs, kernel_complains)
