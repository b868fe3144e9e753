# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A client gives up after 0.3 s, as health checks do, before any SYN was sent again: there is a row about it at once.

  client eth0 ────── eth0 server
  10.44.1.2         10.44.1.3:80 whose accept queue is full
"""

from expect import check, expect
from scenario import main
from topology import pair
from usual import traces_listeners


def gave_up(lab, sport=0):
    pair(lab)
    lab.full_listener("server", lab.v4(1, 3), 80)
    synfate = lab.synfate("trace", "--netns", lab.inode("client"))
    check(lab.connect("client", lab.v4(1, 3), 80, 0.3, sport)["errno"] is None, "the lab does not work")
    # Less than the second after which the SYN would have been sent again.
    row = synfate.wait_attempt({"client": {"netns": lab.inode("client")}, "fate": "dropped"}, 0.6)
    # Where the function that refused it is traced, silence is not all that there is.
    confidence, words = ("exact", "tcp_conn_request() of netns server refused") if traces_listeners() else ("partial", "closed its socket")
    expect({"cause": "accept_queue_full", "syns": 1, "where": {"netns": lab.inode("server")}, "confidence": confidence}, row)
    check(any(words in line for line in row["evidence"]), f"{words} is not said: {row['evidence']}")
    synfate.stop()


def any_port(lab):
    gave_up(lab)


def bound_port(lab):
    gave_up(lab, 40044)


if __name__ == "__main__":
    main(44, __doc__, any_port, bound_port)
