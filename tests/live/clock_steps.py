# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The wall clock is set while it traces, and synfate runs where CLOCK_MONOTONIC is another than the kernel's: times rest on the kernel's own
clock, so nothing is judged early or late. The clock is set in guests only; this machine's is not touched.

  client eth0 ────── eth0 server
  10.146.1.2       ✗ 10.146.1.3:80 dropped; :81 nobody listens
"""

import datetime
import time

from expect import at_least, check, expect
from guests import only_in_a_guest
from scenario import main
from topology import pair

HOUR = 3600
# Long enough for a retransmitted SYN: how the attempt goes on is told as well.
GIVES_UP = 1.6


def build(lab):
    pair(lab)
    lab.nft("server", "table ip lab { chain input { type filter hook input priority 0; tcp dport 80 drop; }; }")


def moment(row, key):
    return datetime.datetime.fromisoformat(row[key].replace("Z", "+00:00")).timestamp()


def both_fates(lab, synfate, offset=0):
    """One refused and one dropped attempt, told as ever; times are those of the clock that is `offset` seconds behind this one's."""
    begin = time.time() - offset
    refused = lab.connect("client", lab.v4(1, 3), 81, 2)["sport"]
    dropped = lab.connect("client", lab.v4(1, 3), 80, GIVES_UP)["sport"]
    end = time.time() - offset
    rows = [
        synfate.expect_attempt({"flow": {"sport": refused}}, {"fate": "refused", "cause": "no_listener", "confidence": "exact"}),
        synfate.expect_attempt({"flow": {"sport": dropped}}, {"fate": "dropped", "cause": "netfilter_drop", "confidence": "exact"}),
    ]
    for row in rows:
        # A clock that is read here and there is not read at one moment.
        check(begin - 0.2 <= moment(row, "first_seen") <= end + 0.2, f"{row['first_seen']} is not between {begin} and {end}")
        check(0 <= moment(row, "last_seen") - moment(row, "first_seen") < GIVES_UP + 1, f"{row['first_seen']} to {row['last_seen']}")


def set_clock(seconds):
    time.clock_settime(time.CLOCK_REALTIME, time.time() + seconds)


def stepped(lab):
    only_in_a_guest("it sets the clock")
    build(lab)
    synfate = lab.synfate("trace", "--netns", lab.inode("client"))
    both_fates(lab, synfate)
    ahead = 0
    for step in (HOUR, -HOUR, -HOUR, HOUR):
        set_clock(step)
        ahead += step
        synfate.wait_for(lambda line, step=step: line.get("code") == "clock_set" and f"{step:+}.0 s" in line["text"], 5, f"a notice of {step:+} s")
        both_fates(lab, synfate, ahead)
        # Each is said once.
        with synfate.changed:
            synfate.lines[:] = [line for line in synfate.lines if line["type"] != "notice"]
    done = synfate.stop()
    expect({"attempts": {"refused": 5, "dropped": 5}, "duration_s": at_least(5 * GIVES_UP)}, done.summary)
    check(done.summary["duration_s"] < HOUR / 2, f"a session of {done.summary['duration_s']} s")


def time_namespace(lab):
    """As in a container that was moved from another machine: its CLOCK_MONOTONIC is hours before or after the kernel's."""
    build(lab)
    for offset in (HOUR, -HOUR // 60):
        clock = ["unshare", "--time", "--monotonic", str(offset), "--boottime", str(offset), "--fork", "--kill-child"]
        synfate = lab.synfate("trace", "--netns", lab.inode("client"), "--count", 2, prefix=clock)
        both_fates(lab, synfate)
        done = synfate.finish()
        check(done.status == 0, f"exit status {done.status}: {done.stderr}")
        expect({"attempts": {"refused": 1, "dropped": 1}, "events": {"lost": 0}}, done.summary)
        check(done.summary["duration_s"] < 60, f"a session of {done.summary['duration_s']} s")


if __name__ == "__main__":
    main(146, __doc__, stepped, time_namespace)
