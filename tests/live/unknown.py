# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The SYN reaches its listener and is consumed without an answer and without a trace: the accept queue is full. This version does not
look into listeners, so it must say that the SYN vanished there, and must not name a culprit.

  client eth0 ────── eth0 server
  10.19.1.2         10.19.1.3:80 listens, accept queue 1/0
"""

from expect import any_of, at_least
from scenario import main
from topology import pair
from usual import dies


def accept_queue_full(lab):
    pair(lab)
    lab.full_listener("server", lab.v4(1, 3), 80)
    expected = {
        "fate": "vanished",
        "cause": "unknown",
        "packet": "syn",
        "syns": at_least(2),
        "where": {"netns": lab.inode("server"), "device": "eth0", "rule": None},
        "confidence": any_of("partial", "strong"),
    }
    dies(lab, "client", lab.v4(1, 3), 80, expected, timeout=2.5)


if __name__ == "__main__":
    main(19, __doc__, accept_queue_full)
