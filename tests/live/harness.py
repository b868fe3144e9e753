# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The harness itself: its comparison can fail, its labs work, and nothing of a test that is killed is left.

  client eth0 ────── toclient router toserver ────── eth0 server
  10.99.1.2         10.99.1.1      10.99.2.1       10.99.2.2:80 listens
"""

import errno
import os
import re
import select
import signal
import subprocess
import sys

import tool
from expect import Mismatch, any_of, at_least, check, differences, expect, some_text
from lab import HERE, Lab
from sandbox import cgroup_name, cgroup_root
from scenario import main
from topology import routed


def comparison(_lab):
    actual = {"fate": "dropped", "where": {"netns": 7, "rule": None}, "syns": 3, "evidence": ["a", "b"]}
    expect({"where": {"netns": 7, "rule": None}, "syns": at_least(3), "fate": any_of("dropped"), "evidence": ["a", some_text]}, actual)
    for wrong in (
        {"fate": "refused"},
        {"missing": None},
        {"where": {"netns": 8}},
        {"where": {"rule": {"number": None}}},
        {"syns": at_least(4)},
        {"syns": True},
        {"fate": any_of("refused", None)},
        {"evidence": ["a"]},
        {"where": {"rule": some_text}},
    ):
        check(len(differences(wrong, actual)) == 1, f"{wrong} was taken for {actual}")
        try:
            expect(wrong, actual)
        except Mismatch:
            continue
        raise Mismatch(f"expect() accepts {wrong}")


def lab_works(lab):
    """A lab without an obstacle connects, one with an obstacle does not."""
    routed(lab)
    for address in lab.both(2, 2):
        lab.listener("server", address, 80)
        check(lab.connect("client", address, 80, 5)["errno"] == 0, f"no connection to {address}")
        check(lab.connect("client", address, 81, 5)["errno"] == errno.ECONNREFUSED, f"port 81 of {address} does not refuse")
    lab.nft("router", "table inet lab { chain forward { type filter hook forward priority 0; policy drop; }; }")
    check(lab.connect("client", lab.v4(2, 2), 80, 0.2)["errno"] is None, "a connection through a router that drops everything")


def witness(lab):
    """What is sent again is counted as often as synfate's programs are called for it; more than that is noticed."""
    routed(lab)
    lab.nft("router", "table ip lab { chain forward { type filter hook forward priority 0; policy drop; }; }")
    lab.synfate("trace", "--dst", lab.v4(2, 2))
    before = lab.witness.before
    check(before == dict.fromkeys(before, 0) and len(before) == 3, f"not of three new namespaces: {before}")
    lab.connect("client", lab.v4(2, 2), 80, 2.5)
    check(lab.witness.unseen() == 0, f"{lab.witness.unseen()} segments were sent again unseen")
    # The programs are called for others of this machine as well: those are no million.
    lab.witness.before = {path: -1_000_000 for path in before}
    check(lab.witness.unseen() > 2_000_000, f"{lab.witness.unseen()} segments were missed, of three million")


def far_end(lab):
    """The world beyond the tun device answers with packets that the kernel accepts: no checksum is wrong."""
    for mode, number in (("rst", errno.ECONNREFUSED), ("icmp", errno.EHOSTUNREACH), ("silent", None)):
        with Lab(lab.number, lab.name, lab.picture) as one:
            routed(one, server=False)
            one.tun("router", "tun0", *one.both(2, 1), mode=mode)
            for address in one.both(2, 99):
                # 2.5 s: an ICMP error that comes while connect() holds the socket is lost, and the next SYN gets another.
                outcome = one.connect("client", address, 80, 2.5 if number else 0.2)
                check(outcome["errno"] == number, f"{mode} {address}: {outcome}")


def files_and_numbers(_lab):
    """Every test file has a lab number of its own, and CMake knows every test file."""
    with open(os.path.join(HERE, "CMakeLists.txt"), encoding="utf-8") as file:
        listed = set(re.search(r"set\(live_tests(.*?)\)", file.read(), re.S).group(1).split())
    owners = {}
    for name in sorted(os.listdir(HERE)):
        if name.endswith(".py"):
            with open(os.path.join(HERE, name), encoding="utf-8") as file:
                called = re.search(r"^    main\(\s*(\d+),", file.read(), re.M)
            if called:
                check(called.group(1) not in owners, f"{name} and {owners.get(called.group(1))} have the same lab number")
                owners[called.group(1)] = name
    found = {name[: -len(".py")] for name in owners.values()}
    check(found == listed, f"test files {sorted(found - listed)} are not in CMakeLists.txt, {sorted(listed - found)} are only there")


# What the killed test is: everything that a test can make, then a wait for the end of the world.
VICTIM = """
import os, sys
sys.path.insert(0, {here!r})
from scenario import main
from topology import routed

def everything(lab):
    routed(lab)
    lab.listener("server", lab.v4(2, 2), 80)
    lab.tun("router", "tun0")
    lab.cgroup("one")
    lab.listener("client", "127.0.0.1", 80)
    print("inodes", *lab.inodes.values(), flush=True)
    while True:
        os.read(0, 1)

main(98, "a test that is killed", everything)
"""


def nothing_survives_kill(lab):
    # The victim's end is seen on its stdout: every process inside has a copy of it, or is a child of one that has.
    script = VICTIM.format(here=HERE)
    victim = subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
    words = tool.read_line(victim.stdout.fileno(), 20 * tool.PATIENCE).split()
    check(words[:1] == ["inodes"] and len(words) == 4, f"the victim said {words}")
    inodes = set(map(int, words[1:]))
    check(inodes <= namespaces_in_use(), "the victim's namespaces are not seen, so this shows nothing")
    groups = os.path.join(cgroup_root() or "/nowhere", cgroup_name(victim.pid))
    check(os.path.isdir(groups), f"no cgroup {groups}, so this shows nothing")
    victim.send_signal(signal.SIGKILL)
    victim.wait()
    ended = select.select([victim.stdout], [], [], 10 * tool.PATIENCE)[0] and not victim.stdout.read(1)
    check(ended, "something inside is still running")
    deadline = tool.Deadline(10)
    while (inodes & namespaces_in_use() or os.path.isdir(groups)) and not deadline.passed():
        pass
    check(not inodes & namespaces_in_use(), f"network namespaces in use: {inodes & namespaces_in_use()}")
    check(not os.path.isdir(groups), f"left: {groups}")


def namespaces_in_use():
    """The network namespaces of all processes that are seen from here."""
    found = set()
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                found.add(os.stat(f"/proc/{entry}/ns/net").st_ino)
            except OSError:  # it has gone meanwhile
                pass
    return found


if __name__ == "__main__":
    main(99, __doc__, comparison, lab_works, witness, far_end, files_and_numbers, nothing_survives_kill)
