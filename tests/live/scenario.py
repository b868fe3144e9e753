# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Runs the scenarios of one test file, each in a lab of its own, and says how each went. The exit status is CTest's."""

import os
import sys
import time
import traceback

from expect import WrongCulprit
from guests import IN_GUEST
from lab import Lab, Skip
from sandbox import run_inside

FAILED, SKIPPED = 1, 77


def _run_once(name, number, picture, scenario, tries):
    """None: it passed. Tried again once, and said: what failed in an emulated machine, whose processor may stand still for longer than
    anything that a test waits for, and what failed while the kernel kept synfate's programs from running. A wrong culprit is not."""
    begin = time.monotonic()
    lab = Lab(number, name, picture)
    try:
        with lab:
            scenario(lab)
        print(f"ok    {name} ({time.monotonic() - begin:.1f} s)", flush=True)
        return None
    except Skip as reason:
        print(f"skip  {name}: {reason}", flush=True)
        return SKIPPED
    except Exception as error:  # a lab that fails must not hide the scenarios after it
        sys.stdout.flush()
        traceback.print_exc()
        excuse = "it failed in an emulated machine" if IN_GUEST else ""
        if lab.unseen:
            excuse = f"the kernel ran no program for {lab.unseen} segments that were sent again"
        if tries > 1 or not excuse or isinstance(error, WrongCulprit):
            print(f"FAIL  {name}", flush=True)
            return FAILED
        print(f"again {name}: {excuse}", flush=True)
        return _run_once(name, number, picture, scenario, tries + 1)


def _run_all(stem, number, picture, scenarios):
    ends = [_run_once(f"{stem}.{scenario.__name__}", number, picture, scenario, 1) for scenario in scenarios]
    failed, skipped = ends.count(FAILED), ends.count(SKIPPED)
    if failed:
        return FAILED
    return SKIPPED if skipped == len(scenarios) else 0


def main(number, picture, *scenarios):
    """`number`: the lab's addresses, see Lab; unique to the file. Scenarios named on the command line run alone."""
    stem = os.path.splitext(os.path.basename(sys.argv[0]))[0]
    wanted = sys.argv[1:]
    unknown = set(wanted) - {scenario.__name__ for scenario in scenarios}
    if unknown:
        sys.exit(f"no such scenario: {', '.join(sorted(unknown))}; there are: {', '.join(s.__name__ for s in scenarios)}")
    chosen = [scenario for scenario in scenarios if not wanted or scenario.__name__ in wanted]
    run_inside(lambda: _run_all(stem, number, picture, chosen))
