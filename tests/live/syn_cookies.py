# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The SYN queue is full and SYN cookies are on: the connection is made, and its row says what it was made from.

  client eth0 ────── eth0 server tun0 ─── 10.72.9.0/24: whoever sent the half-open SYNs, and never answers
  10.72.1.2         10.72.1.3:80
"""

from expect import check, satisfies
from scenario import main
from syn_queue_full import fill, half_open
from topology import flow
from usual import traces_listeners

NOTE = "syn_cookies: "


def established(lab, notes):
    synfate = lab.synfate("trace", "--all", "--host", lab.v4(1, 3))
    outcome = lab.connect("client", lab.v4(1, 3), 80, 5)
    check(outcome["errno"] == 0, f"the lab does not work: {outcome}")
    who = {"client": {"netns": lab.inode("client")}, **flow(lab.v4(1, 2), lab.v4(1, 3), 80)}
    synfate.expect_attempt(who, {"fate": "established", "notes": notes, "server": {"netns": lab.inode("server")}})
    synfate.stop()


def queue_full(lab):
    server = fill(lab, lab.v4(1, 3), lab.v4(9, 9))
    full = f"the SYN queue of {lab.v4(1, 3)}:80 of python3[{server.tgid}] was "
    if traces_listeners():
        full = "half-open, limit 4; net.ipv4.tcp_syncookies is 1"
    established(lab, satisfies("a note about cookies", lambda notes: any(note.startswith(NOTE) and full in note for note in notes)))


def always(lab):
    """net.ipv4.tcp_syncookies may also be 2."""
    half_open(lab, 1, lab.v4(1, 3), lab.v4(9, 9), 4)
    lab.sysctl("server", "net.ipv4.tcp_syncookies", 2)
    check(lab.connect("client", lab.v4(1, 3), 80, 5)["errno"] == 0, "the lab does not work")
    established(lab, satisfies("a note about cookies", lambda notes: any(note.startswith(NOTE) and "is 2" in note for note in notes)))


def half_full(lab):
    """Cookies have been sent before, but the queue has room now: nothing is said."""
    half_open(lab, 2, lab.v4(1, 3), lab.v4(9, 9), 4)
    lab.sysctl("server", "net.ipv4.tcp_syncookies", 2)
    check(lab.connect("client", lab.v4(1, 3), 80, 5)["errno"] == 0, "the lab does not work")
    lab.sysctl("server", "net.ipv4.tcp_syncookies", 1)
    established(lab, satisfies("no note about cookies", lambda notes: not any(note.startswith(NOTE) for note in notes)))


if __name__ == "__main__":
    main(72, __doc__, queue_full, always, half_full)
