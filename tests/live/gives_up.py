# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""When a connect() gives up: what the row says is what the kernel does, whoever set it; and the application that does not wait so long.

  client tun0 ─ ─ ─ ─ beyond (silent)
  10.76.2.1
"""

import os

from expect import any_of, check, expect, says
from scenario import main
from topology import flow
from usual import scope

PORT = 80


def arm(lab, *sysctls):
    lab.netns("client")
    lab.tun("client", "tun0", lab.v4(2, 1))
    lab.settle()
    for key, value in sysctls:
        if os.path.exists("/proc/sys/" + key.replace(".", "/")):
            lab.sysctl("client", key, value)
    return lab.synfate("trace", *scope(lab.v4(2, 99)))


def kept(lab, synfate, syncnt, user_timeout_ms, notes):
    """The kernel ends it when the row says so."""
    client = lab.agent("client", "give_up", lab.v4(2, 99), PORT, syncnt, user_timeout_ms)
    row = synfate.expect_attempt(flow(lab.v4(2, 1), lab.v4(2, 99), PORT), {"fate": "unanswered", "cause": "left_node", "notes": notes}, 10)
    done = client.report(30)
    check(done["errno"] == 110, f"the lab does not work: {done}")
    check(abs(done["elapsed"] - row["gives_up_after_s"]) < 0.8, f"it gave up after {done['elapsed']} s, not {row['gives_up_after_s']} s")
    ended = synfate.stop()
    for line in ended.attempts():
        check(not any("by itself" in said for said in line["evidence"]), f"it was the kernel that gave up: {line['evidence']}")


def retries_of_socket(lab):
    kept(lab, arm(lab), 1, 0, ["the client's socket has TCP_SYNCNT 1"])


def time_of_socket(lab):
    kept(lab, arm(lab), 0, 2000, ["the client's socket has TCP_USER_TIMEOUT 2.0 s"])


def sysctls(lab):
    kept(lab, arm(lab, ("net.ipv4.tcp_syn_retries", 2), ("net.ipv4.tcp_syn_linear_timeouts", 1)), 0, 0, [])


def linear(lab):
    """The time that retries alone would take ends it before all linear ones have been sent."""
    kept(lab, arm(lab, ("net.ipv4.tcp_syn_retries", 1), ("net.ipv4.tcp_syn_linear_timeouts", 4)), 0, 0, [])


def by_itself(lab):
    """The application closes its socket while the kernel would still try: a revision says so."""
    synfate = arm(lab)
    who = flow(lab.v4(2, 1), lab.v4(2, 99), PORT)
    lab.connect("client", lab.v4(2, 99), PORT, timeout=2.5)
    first = synfate.wait_attempt({**who, "revision": 1})
    expect({"fate": "unanswered", "gives_up_after_s": any_of(127, 131)}, first)
    said = says("the application closed its socket after 2.5 s by itself: connect() would have gone on until 1")
    synfate.expect_attempt(who, {"fate": "unanswered", "cause": "left_node", "revision": 2, "evidence": said})
    expect({"attempts": {"unanswered": 1}}, synfate.stop().summary)


if __name__ == "__main__":
    main(76, __doc__, retries_of_socket, time_of_socket, sysctls, linear, by_itself)
