# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""`synfate run -- CMD`: rows for what CMD and its children connect to, also in another namespace, and for nothing else; the exit status
is CMD's own.

  client eth0 ────── eth0 server
  10.25.1.2         10.25.1.3:80 listens, :81 nobody
"""

import os
import sys

import tool
from expect import any_of, check
from lab import AGENT
from scenario import main
from topology import pair

PYTHON = [sys.executable, "-I", "-S", AGENT]


def in_netns(name):
    return ["nsenter", f"--net=/run/netns/{name}", "--"]


def connect_words(address, port):
    return [*PYTHON, "connect", address, str(port), "2", "0", ""]


def build(lab):
    pair(lab)
    lab.listener("server", lab.v4(1, 3), 80)


def run_to_end(lab, command, arguments=()):
    """CMD's own stdout would be mixed with the JSON lines: a shell sends it away."""
    quiet = ["sh", "-c", 'exec "$@" >/dev/null', "sh", *map(str, command)]
    return lab.synfate("run", *arguments, command=quiet).finish(30)


def fates(done):
    return sorted((attempt["flow"]["dport"], attempt["fate"]) for attempt in done.attempts())


def refused_and_established(lab):
    build(lab)
    done = run_to_end(lab, [*in_netns("client"), *connect_words(lab.v4(1, 3), 81)])
    check(fates(done) == [(81, "refused")], f"rows: {fates(done)}")
    done = run_to_end(lab, [*in_netns("client"), *connect_words(lab.v4(1, 3), 80)])
    check(fates(done) == [(80, "established")], f"rows: {fates(done)}")
    check(done.status == 0 and done.summary is not None, f"exit status {done.status}, summary {done.summary}")


def children_in_other_namespaces(lab):
    """A child of a child, which enters the namespace by setns() after it was started."""
    build(lab)
    join = [*PYTHON, "join", "/run/netns/client", "connect", lab.v4(1, 3), "81", "2", "0", ""]
    done = run_to_end(lab, ["sh", "-c", '"$@"; true', "sh", *join])
    check(fates(done) == [(81, "refused")], f"rows: {fates(done)}")
    check(done.attempts()[0]["client"]["netns"] == lab.inode("client"), f"{done.attempts()}")


def not_of_others(lab):
    """While CMD runs, somebody else connects from the same namespace: no row for that."""
    build(lab)
    arrived, opened = "/run/arrived", "/run/opened"
    ends = []
    for path in (arrived, opened):
        os.mkfifo(path)
        # Both directions: so that neither open() waits, and no end of file comes early.
        ends.append(os.open(path, os.O_RDWR))
    command = [*in_netns("client"), *PYTHON, "gate", arrived, opened, "connect", lab.v4(1, 3), "81", "2", "0", ""]
    synfate = lab.synfate("run", command=["sh", "-c", 'exec "$@" >/dev/null', "sh", *command])
    check(tool.read_line(ends[0], 10 * tool.PATIENCE) == "\n", "CMD was not started")
    lab.connect("client", lab.v4(1, 3), 82, 2)
    os.write(ends[1], b"go\n")
    done = synfate.finish(30)
    check(fates(done) == [(81, "refused")], f"rows: {fates(done)}")


def exit_status(lab):
    build(lab)
    for status in (0, 7):
        done = run_to_end(lab, ["sh", "-c", f"exit {status}"])
        check(done.status == status, f"CMD exits {status}, synfate {done.status}")
    done = run_to_end(lab, ["sh", "-c", "kill -TERM $$"])
    check(done.status == 128 + 15 or done.status == -15, f"CMD dies of SIGTERM, synfate exits {done.status}")
    done = tool.once("run", "--", "/nowhere/no-such-command")
    check(done.returncode not in (0,) and "no-such-command" in done.stderr, f"exit {done.returncode}: {done.stderr}")


def no_route_has_a_row(lab):
    lab.netns("island")
    done = run_to_end(lab, [*in_netns("island"), *connect_words(lab.v4(9, 9), 80)])
    check([a["cause"] for a in done.attempts()] == ["no_route"], f"rows: {done.attempts()}")
    check(done.attempts({"packet": None, "fate": any_of("refused", "dropped")}) != [], f"rows: {done.attempts()}")


if __name__ == "__main__":
    main(25, __doc__, refused_and_established, children_in_other_namespaces, not_of_others, exit_status, no_route_has_a_row)
