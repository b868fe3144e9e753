# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Nothing stays behind in the kernel: the programs, maps and links of a session go with it, however it ends, and nothing is pinned."""

import os
import signal
import subprocess

import sessions
import tool


def still_there(held):
    """Those of the ids that the kernel still knows. It frees them some time after the last descriptor is closed."""
    return {(kind, number) for kind, numbers in held.items() for number in numbers if is_known(kind, number)}


def is_known(kind, number):
    asked = subprocess.run(["bpftool", kind, "show", "id", str(number)], stdin=subprocess.DEVNULL, capture_output=True, check=False)
    return asked.returncode == 0


def pinned():
    return [os.path.join(at, name) for at, _, names in os.walk("/sys/fs/bpf") for name in names]


def gone(held, words):
    deadline = tool.Deadline(15)
    left = still_there(held)
    while left and not deadline.passed():
        left = {(kind, number) for kind, number in left if is_known(kind, number)}
    assert not left, f"left after {words}: {sorted(left)}"
    print(f"ok    {words}: {', '.join(f'{len(numbers)} {kind}s' for kind, numbers in held.items())} gone")


def ended_by(number, words, *arguments, command=()):
    before = pinned()
    with sessions.Session(*arguments, command=command) as session:
        held = session.holds()
        for kind in ("prog", "map", "link"):
            assert held[kind], f"{words}: no {kind} is held, so this shows nothing"
        assert still_there(held) == {(kind, n) for kind, numbers in held.items() for n in numbers}, "the ids are not known to bpftool"
        assert pinned() == before, f"{words}: pinned {pinned()}"
        session.end(number)
    gone(held, words)
    assert pinned() == before, f"left pinned after {words}: {pinned()}"


def main():
    sessions.need_root()
    ended_by(signal.SIGINT, "trace ended by SIGINT", "trace")
    ended_by(signal.SIGTERM, "trace ended by SIGTERM", "trace", "--all")
    ended_by(signal.SIGKILL, "trace killed", "trace")
    ended_by(signal.SIGKILL, "run killed", "run", command=["cat"])


if __name__ == "__main__":
    main()
