#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The commands behind the label vm. BUILD is the build directory; a KERNEL is a series, such as 6.12.

  vm.py images BUILD                          writes what the guests boot from
  vm.py boot BUILD KERNEL                     boots a guest that lives as long as whoever called this
  vm.py test BUILD KERNEL TEST [SCENARIO...]  runs live.X or bpf.X in it
  vm.py halt BUILD KERNEL                     ends it
  vm.py once BUILD KERNEL TEST [SCENARIO...]  all of the above for one test, by hand; "--" and a command instead of TEST runs that
"""

import os
import sys
import time

import image
import kernels
import machine
import talk
import verdict

# An emulated machine, which shares two processors with another, is that much slower than this one.
PATIENCE = 8
# Of one test with all its scenarios; a deadline only.
TEST_SECONDS = float(os.environ.get("SYNFATE_TEST_GUEST_SECONDS", "600"))
# "all": each guest is asked for everything; else brief.txt holds.
BRIEF = os.environ.get("SYNFATE_TEST_GUESTS", "") != "all"
# Of scenarios that differ in the address family alone, which one a guest runs when it is brief. IPv6 where the kernel gives fewer reasons.
FAMILY = {"6.1": "ipv6", "6.12": "ipv4"}
# Seconds since the epoch: no test begins in a guest after that. Whoever has only so much time sets it.
UNTIL = float(os.environ.get("SYNFATE_TEST_GUESTS_UNTIL", "inf"))


def work_of(build):
    return os.path.join(os.path.abspath(build), "vm")


def kernel_of(work, series):
    kernel = kernels.cached(work, series)
    if kernel is None:
        sys.exit(f"the {series} kernel was not fetched; ./test does that, or: tests/vm/kernels.py fetch {work}")
    return kernel


def images(build):
    work = work_of(build)
    os.makedirs(work, exist_ok=True)
    build = os.path.abspath(build)
    made = [image.base(work), image.tests(work, os.path.join(build, "synfate"), os.path.join(build, "tests"))]
    made += [image.modules(work, kernel_of(work, series)) for series in kernels.SERIES]
    for path in made:
        print(f"{os.path.getsize(path) / 1e6:6.1f} MB  {os.path.basename(path)}")
    return 0


def boot(build, series, owner):
    work = work_of(build)
    kernel = kernel_of(work, series)
    parts = [os.path.join(work, name) for name in ("base.cpio", f"modules-{kernel.release}.cpio", "tests.cpio")]
    said = machine.boot(machine.folder_of(work, series), kernel.image, parts, owner)
    if said["release"] != kernel.release:
        talk.end(machine.folder_of(work, series))
        sys.exit(f"the guest runs {said['release']}, not {kernel.release}")
    print(f"Linux {said['release']}, up within {said['seconds']:.1f} s of its own time")
    return 0


def halt(build, series):
    folder = machine.folder_of(work_of(build), series)
    if not machine.was_booted(folder):
        print("it was not booted")
        return 0
    try:
        with talk.Talk(folder) as guest:
            guest.ask(id="halt", halt=True)
            if guest.answer("halt", 60) is None:
                raise talk.GuestError(f"the guest does not answer; {talk.last_words(folder)}")
    finally:
        talk.end(folder)
    print("ended")
    return 0


def command_of(test, scenarios):
    """What runs a test in the guest's checkout."""
    folder, _, name = test.partition(".")
    if os.path.exists(os.path.join(image.ROOT, "tests", folder, name + ".py")):
        return ["python3", f"/synfate/tests/{folder}/{name}.py", *scenarios]
    return [f"/synfate/build/tests/{folder}/{folder}_{name}", *scenarios]


def environment(series, left_out=()):
    brief = {"SYNFATE_TEST_FAMILY": FAMILY[series], "SYNFATE_TEST_LEFT_OUT": " ".join(left_out)} if BRIEF else {}
    return {
        **brief,
        "SYNFATE": "/synfate/build/synfate",
        "SYNFATE_TEST_BPF": "/synfate/build/tests/live",
        "SYNFATE_TEST_PATIENCE": str(PATIENCE),
        "SYNFATE_TEST_GUEST": series,
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def in_guest(build, series, argv, left_out=()):
    """(last answer, output) of a command; what it says is shown as it comes."""
    output = []

    def show(text):
        output.append(text)
        sys.stdout.write(text)
        sys.stdout.flush()

    last = talk.run(machine.folder_of(work_of(build), series), argv, environment(series, left_out), TEST_SECONDS, show)
    for line in last["kernel"]:
        print("kernel: " + line)
    return last, "".join(output)


def test(build, series, name, *scenarios):
    skips = verdict.skips_of(series, kernels.SERIES)
    reason = skips.of_test(name)
    if reason and not scenarios:
        print(f"skip: on {series}: {reason}")
        return verdict.SKIPPED
    brief = verdict.brief_of(series, kernels.SERIES)
    if BRIEF and not scenarios:
        if brief.of_test(name):
            print(f"skip: on {series}, to be brief: {brief.of_test(name)} will do (SYNFATE_TEST_GUESTS=all)")
            return verdict.SKIPPED
        if time.time() > UNTIL:
            print(f"skip: on {series}: the time that there was for guests is over")
            return verdict.SKIPPED
    left_out = [] if scenarios else [one.partition(".")[2] for one in brief.of_scenarios(name)]
    last, output = in_guest(build, series, command_of(name, scenarios), left_out)
    status, complaints = verdict.judge(last, output, skips.of_scenarios(name), not scenarios)
    for complaint in complaints:
        print(f"FAIL  {name} on Linux {series}: {complaint}")
    return status


def once(build, series, *words):
    images(build)
    boot(build, series, os.getpid())
    try:
        if words[0] == "--":
            return in_guest(build, series, list(words[1:]))[0]["exit"]
        return test(build, series, *words)
    finally:
        halt(build, series)


def main(arguments):
    forms = {"images": 1, "boot": 2, "test": 3, "halt": 2, "once": 3}
    if not arguments or len(arguments) - 1 < forms.get(arguments[0], 99):
        sys.exit(__doc__)
    if len(arguments) > 2 and arguments[2] not in kernels.SERIES:
        sys.exit(f"no such kernel: {arguments[2]}; there are: {', '.join(kernels.SERIES)}")
    try:
        if arguments[0] == "boot":
            return boot(*arguments[1:], os.getppid())
        return {"images": images, "test": test, "halt": halt, "once": once}[arguments[0]](*arguments[1:])
    except (image.ImageError, talk.GuestError, ValueError) as error:
        print(error)
        return verdict.FAILED


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
