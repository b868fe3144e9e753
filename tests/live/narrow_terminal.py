# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The row of a failed attempt on a terminal 40 columns wide: nothing is cut, no line is longer than the terminal, colour only there.

  client eth0 ────── eth0 server
  10.28.1.2         10.28.1.3 nobody listens
"""

import fcntl
import os
import pty
import re
import select
import struct
import termios
import time

import tool
from expect import check
from scenario import main
from topology import pair

COLUMNS = 40


def read_terminal(descriptor, until, timeout):
    """What was written to the terminal, until it contains `until` or its other side is closed."""
    text, deadline = b"", time.monotonic() + timeout * tool.PATIENCE
    while until is None or until not in text:
        if not select.select([descriptor], [], [], max(0.0, deadline - time.monotonic()))[0]:
            break
        try:
            part = os.read(descriptor, 65536)
        except OSError:  # EIO: the last writer has closed its side
            break
        if not part:
            break
        text += part
    return text


def on_a_terminal(lab, *arguments):
    pair(lab)
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 25, COLUMNS, 0, 0))
    environment = {key: value for key, value in os.environ.items() if key not in ("NO_COLOR", "COLUMNS")}
    environment.update(TERM="xterm", LC_ALL="C.UTF-8")
    options = {"stdout": theirs, "json_lines": False, "environment": environment}
    synfate = lab.synfate("trace", "--netns", lab.inode("client"), "--count", 1, *arguments, **options)
    os.close(theirs)
    lab.connect("client", lab.v4(1, 3), 80, 2)
    text = read_terminal(ours, None, 10)
    done = synfate.finish()
    check(done.status == 0, f"exit status {done.status}")
    return text.decode("utf-8")


def row(lab):
    text = on_a_terminal(lab)
    plain = re.sub(r"\x1b\[[0-9;]*m", "", text)
    check(plain != text, "no colour on a terminal")
    check("\x1b" not in plain, f"control sequences other than colours: {text!r}")
    lines = [line.rstrip("\r") for line in plain.split("\n")]
    # A word that is longer than a line cannot be broken without making it wrong to copy.
    long = [line for line in lines if len(line) > COLUMNS and len(line.split()) > 1]
    check(not long, f"wider than {COLUMNS}: {long}\n{plain}")
    whole = re.sub(r"\s+", " ", plain)
    for word in ("REFUSED", lab.v4(1, 2), f"{lab.v4(1, 3)}:80", "tcp_v4_rcv"):
        check(word in whole, f"{word} was cut away:\n{plain}")


def no_colour(lab):
    check("\x1b" not in on_a_terminal(lab, "--color", "never"), "colour although --color never")


if __name__ == "__main__":
    main(28, __doc__, row, no_colour)
