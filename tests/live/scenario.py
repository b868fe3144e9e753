# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Runs the scenarios of one test file, each in a lab of its own, and says how each went. The exit status is CTest's."""

import os
import sys
import time
import traceback

from lab import Lab, Skip
from sandbox import run_inside

SKIPPED = 77


def _run_all(stem, number, picture, scenarios):
    failed, skipped = 0, 0
    for scenario in scenarios:
        name = f"{stem}.{scenario.__name__}"
        begin = time.monotonic()
        try:
            with Lab(number, name, picture) as lab:
                scenario(lab)
            print(f"ok    {name} ({time.monotonic() - begin:.1f} s)", flush=True)
        except Skip as reason:
            skipped += 1
            print(f"skip  {name}: {reason}", flush=True)
        except Exception:  # a lab that fails must not hide the scenarios after it
            failed += 1
            sys.stdout.flush()
            traceback.print_exc()
            print(f"FAIL  {name}", flush=True)
    if failed:
        return 1
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
