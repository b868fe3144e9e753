#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The rig itself, in a guest of its own: what fails in a guest is reported as failed, and no guest outlives whom it was booted for.

  rig.py BUILD
"""

import os
import signal
import subprocess
import sys

import machine
import talk
import verdict
import vm

SERIES = "6.12"
SAMPLE = ["python3", "/synfate/tests/vm/samples/one_of_each.py"]


def check(condition, words):
    if not condition:
        sys.exit("FAIL  " + words)
    print("ok    " + words.split(":", 1)[0], flush=True)


def boot(work, owner):
    kernel = vm.kernel_of(work, SERIES)
    parts = [os.path.join(work, name) for name in ("base.cpio", f"modules-{kernel.release}.cpio", "tests.cpio")]
    machine.boot(machine.folder_of(work, "rig"), kernel.image, parts, owner)


def sample(folder, *argv, seconds=120.0):
    """(last answer, output)"""
    output = []
    last = talk.run(folder, list(argv), vm.environment(SERIES), seconds, output.append)
    return last, "".join(output)


def outcomes(folder):
    last, said = sample(folder, *SAMPLE, "passes")
    check(verdict.judge(last, said, {}) == (verdict.PASSED, []), f"a test that passes: {last} {said}")

    last, said = sample(folder, *SAMPLE, "passes", "fails", "skips")
    status, complaints = verdict.judge(last, said, {})
    check(status == verdict.FAILED and "exit status 1" in complaints, f"a test that fails: {last} {said}")
    check("FAIL  one_of_each.fails" in said and "Mismatch: a sample that fails" in said, f"its output comes with it: {said}")
    check(any("one_of_each.skips skipped itself" in one for one in complaints), f"and its skip: {complaints}")

    last, said = sample(folder, *SAMPLE, "skips")
    check(last["exit"] == 77 and verdict.judge(last, said, {})[0] == verdict.FAILED, f"a skip that nobody knows of fails: {last} {said}")
    check(verdict.judge(last, said, {"one_of_each.skips": "why"}) == (verdict.SKIPPED, []), f"a skip that is known is one: {said}")

    last, said = sample(folder, *SAMPLE, "hangs", seconds=15)
    status, complaints = verdict.judge(last, said, {})
    check(status == verdict.FAILED and "ran out" in complaints[0], f"a test that hangs is ended: {last} {said}")
    check("a sample that hangs" in said, f"and what it said is kept: {said}")

    last, said = sample(folder, "bash", "-c", "kill -SEGV $$")
    check("signal 11" in verdict.judge(last, said, {})[1][0], f"a test that crashes: {last}")
    last, said = sample(folder, "no-such-program")
    check(verdict.judge(last, said, {})[0] == verdict.FAILED and "no-such-program" in said, f"a test that does not start: {last} {said}")

    last, said = sample(folder, *SAMPLE, "kernel_complains")
    status, complaints = verdict.judge(last, said, {})
    check(last["exit"] == 0 and status == verdict.FAILED, f"a test that passes while the kernel reports a bug: {last}")
    check(any("pretends" in line for line in last["kernel"]), f"and the bug is shown: {last}")
    last, said = sample(folder, *SAMPLE, "passes")
    check(verdict.judge(last, said, {}) == (verdict.PASSED, []), f"what came before does not matter: {last} {said}")


def interrupted(folder):
    """A host that goes in the middle of a test: the next one begins anew."""
    with talk.Talk(folder) as guest:
        guest.ask(id="left", run=["bash", "-c", "echo begun; exec sleep 600"], timeout=600)
        guest.answer("left", 60)
        guest.socket.sendall(b'{"half a request')
    last, said = sample(folder, "echo", "here")
    check((last["exit"], said) == (0, "here\n"), f"a test that was left alone is ended: {last} {said}")


def crashed(folder):
    try:
        sample(folder, "bash", "-c", "echo c >/proc/sysrq-trigger")
    except talk.GuestError as error:
        check("Kernel panic" in str(error), f"a guest that dies says its last words: {error}")
    else:
        check(False, "a guest that dies")
    try:
        sample(folder, "true")
    except talk.GuestError as error:
        check("the guest" in str(error), f"and runs no more tests: {error}")
    else:
        check(False, "and runs no more tests")


def outlived(work, folder):
    owner = subprocess.Popen(["cat"], stdin=subprocess.PIPE)
    boot(work, owner.pid)
    try:
        boot(work, os.getpid())
    except talk.GuestError as error:
        check("running" in str(error), f"no second guest in one folder: {error}")
    with talk.Talk(folder) as guest:
        owner.send_signal(signal.SIGKILL)
        owner.wait()
        try:
            said = guest.answer("nothing", 60)
        except talk.GuestError:
            said = "ended"
    check(said == "ended", f"a guest goes with whom it was booted for: {said}")


def main(build):
    work = vm.work_of(build)
    folder = machine.folder_of(work, "rig")
    boot(work, os.getpid())
    outcomes(folder)
    interrupted(folder)
    crashed(folder)
    outlived(work, folder)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
