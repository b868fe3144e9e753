# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Runs the scenarios of one test file, each in a lab of its own, and says how each went. The exit status is CTest's."""

import os
import re
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


def _family(name):
    """(family, what is left of the name): a scenario without a family in its name is of IPv4."""
    return "ipv6" if "ipv6" in name else "ipv4", re.sub("_?ipv[46]", "", name)


def brief(names, family, left_out):
    """The names that stay when the others are left to other kernels, see tests/vm/brief.txt. `family`: which of two scenarios stays that differ
    in it alone."""
    if set(left_out) - set(names):
        raise ValueError(f"to be left out, but not here: {', '.join(sorted(set(left_out) - set(names)))}")
    wanted = {_family(name)[1] for name in names if _family(name)[0] == family}
    return [name for name in names if name not in left_out and (not family or _family(name)[0] == family or _family(name)[1] not in wanted)]


def _kept(stem, scenarios):
    """What is left out is said."""
    left_out = os.environ.get("SYNFATE_TEST_LEFT_OUT", "").split()
    names = brief([scenario.__name__ for scenario in scenarios], os.environ.get("SYNFATE_TEST_FAMILY"), left_out)
    for scenario in scenarios:
        if scenario.__name__ not in names:
            print(f"left  {stem}.{scenario.__name__}: to be brief", flush=True)
    return [scenario for scenario in scenarios if scenario.__name__ in names]


def main(number, picture, *scenarios):
    """`number`: the lab's addresses, see Lab; unique to the file. Scenarios named on the command line run alone."""
    stem = os.path.splitext(os.path.basename(sys.argv[0]))[0]
    wanted = sys.argv[1:]
    unknown = set(wanted) - {scenario.__name__ for scenario in scenarios}
    if unknown:
        sys.exit(f"no such scenario: {', '.join(sorted(unknown))}; there are: {', '.join(s.__name__ for s in scenarios)}")
    chosen = [scenario for scenario in scenarios if not wanted or scenario.__name__ in wanted]
    if not wanted:
        chosen = _kept(stem, chosen)
    run_inside(lambda: _run_all(stem, number, picture, chosen))
