# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""How a trace ends: by Ctrl-C, SIGTERM, --for, --count, or because nobody reads its output any more; and that it says so when it saw
nothing.

  client eth0 ────── eth0 server
  10.26.1.2         10.26.1.3 nobody listens
"""

import os
import signal

import tool
from expect import check, expect
from scenario import main
from topology import pair


def decided(lab, synfate):
    lab.connect("client", lab.v4(1, 3), 80, 2)
    synfate.wait_attempt({"client": {"netns": lab.inode("client")}, "fate": "refused"})


def interrupted(lab, number):
    pair(lab)
    synfate = lab.synfate("trace", "--netns", lab.inode("client"))
    decided(lab, synfate)
    done = synfate.stop(number)
    expect({"attempts": {"refused": 1}}, done.summary)


def ctrl_c(lab):
    interrupted(lab, signal.SIGINT)


def sigterm(lab):
    interrupted(lab, signal.SIGTERM)


def count(lab):
    pair(lab)
    synfate = lab.synfate("trace", "--netns", lab.inode("client"), "--count", 2)
    for dport in (80, 81):
        lab.connect("client", lab.v4(1, 3), dport, 2)
    done = synfate.finish()
    check(done.status == 0, f"exit status {done.status}")
    expect({"attempts": {"refused": 2}}, done.summary)


def nothing_seen(lab):
    """An empty result is never silent: in words, and in JSON."""
    lab.netns("quiet")
    done = lab.synfate("trace", "--netns", lab.inode("quiet"), "--for", "200ms").finish()
    check(done.status == 0, f"exit status {done.status}\n{done.stderr}")
    expect({"attempts": {}, "events": {"lost": 0}}, done.summary)
    check(not any(done.summary["attempts"].values()), f"attempts in a quiet namespace: {done.summary}")
    said = tool.once("trace", "--netns", lab.inode("quiet"), "--for", "200ms")
    check("no failed attempt seen" in said.stdout and "0 lost" in said.stdout, f"said: {said.stdout!r}")


def nothing_seen_and_interrupted(lab):
    lab.netns("quiet")
    done = lab.synfate("trace", "--netns", lab.inode("quiet")).stop()
    check(done.status in (0, 130), f"exit status {done.status}")


def broken_pipe(lab):
    """`synfate trace | head -1`: it ends by itself, says nothing about it, and is not killed by SIGPIPE with a core or a message."""
    pair(lab)
    reading, writing = os.pipe()
    synfate = lab.synfate("trace", "--netns", lab.inode("client"), stdout=writing)
    os.close(writing)
    os.close(reading)
    lab.connect("client", lab.v4(1, 3), 80, 2)
    done = synfate.finish()
    check(done.status in (0, -signal.SIGPIPE, 128 + signal.SIGPIPE), f"exit status {done.status}")
    check(done.stderr == "", f"stderr: {done.stderr!r}")


if __name__ == "__main__":
    main(26, __doc__, ctrl_c, sigterm, count, nothing_seen, nothing_seen_and_interrupted, broken_pipe)
