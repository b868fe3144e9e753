# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""synfate itself is stopped while SYNs die, and goes on later: what waited in the ring is told with the kernel's times, and what had to be read
of the machine is not believed as if it had been read in time.

  client eth0 ────── toclient router toserver ────── eth0 server
  10.142.1.2         10.142.1.1     10.142.2.1        10.142.2.2
"""

import datetime
import os
import pty
import signal
import subprocess
import time

import tool
from expect import check, expect, says
from narrow_terminal import read_terminal
from scenario import main
from topology import routed

# Longer than what counts as not running, and the client's own time to give up: it is waited for, and not slept.
WHILE = 2.6
CTRL_C, CTRL_Z = b"\x03", b"\x1a"
LATE = "synfate did not run for"


def state(tgid):
    with open(f"/proc/{tgid}/stat", encoding="ascii", errors="replace") as file:
        return file.read().rpartition(")")[2].split()[0]


def stop(lab, tgid):
    os.kill(tgid, signal.SIGSTOP)
    lab.wait_until(lambda: state(tgid) == "T", "it does not stop")


def moment(row, key):
    return datetime.datetime.fromisoformat(row[key].replace("Z", "+00:00")).timestamp()


def failing(lab):
    routed(lab)
    lab.nft("router", "table ip lab { chain forward { type filter hook forward priority 0; tcp dport 80 drop; }; }")
    # Learned before, so that nothing but the SYNs themselves dies.
    lab.neighbours("client", "eth0", "router", "toclient", lab.v4(1, 1))
    lab.neighbours("router", "toserver", "server", "eth0", lab.v4(2, 2))
    lab.neighbours("server", "eth0", "router", "toserver", lab.v4(2, 1))


def filler(lab):
    """An attempt that takes the time that it takes: what came before it is old after it."""
    lab.agent("client", "give_up", lab.v4(2, 9), 80, 0, int(WHILE * 1000)).report(10)


def stopped(lab):
    failing(lab)
    synfate = lab.synfate("trace", "--netns", lab.inode("client"))
    before = lab.connect("client", lab.v4(2, 2), 81, 2)
    synfate.expect_attempt({"flow": {"sport": before["sport"]}}, {"fate": "refused", "cause": "no_listener", "confidence": "exact"})
    stop(lab, synfate.process.pid)
    begin = time.time()
    refused = lab.connect("client", lab.v4(2, 2), 81, 2)
    refused_by = time.time()
    dropped = lab.connect("client", lab.v4(2, 2), 80, 0.3)
    filler(lab)
    # Whoever looks now sees a listener on that port, and no rule.
    lab.listener("server", lab.v4(2, 2), 81)
    lab.nft("router", "delete table ip lab")
    os.kill(synfate.process.pid, signal.SIGCONT)

    row = synfate.expect_attempt(
        {"flow": {"sport": refused["sport"]}},
        {"fate": "refused", "cause": "no_listener", "packet": "syn", "confidence": "partial", "evidence": says(LATE)},
    )
    check(begin - 0.1 <= moment(row, "first_seen") <= refused_by + 0.1, f"not the kernel's time: {row['first_seen']}, {begin}..{refused_by}")
    row = synfate.expect_attempt(
        {"flow": {"sport": dropped["sport"]}},
        {"fate": "dropped", "cause": "netfilter_drop", "confidence": "partial", "evidence": says(LATE)},
    )
    rule = row["where"]["rule"]
    check(rule is None or not rule["text"], f"the text of a rule that is not there any more: {rule}")
    first, last = moment(row, "first_seen"), moment(row, "last_seen")
    check(first >= refused_by - 0.1 and last - first <= 0.3 + 0.2, f"not the kernel's times: {row['first_seen']} to {row['last_seen']}")

    # The next one is as sure as ever.
    after = lab.connect("client", lab.v4(2, 2), 82, 2)
    synfate.expect_attempt({"flow": {"sport": after["sport"]}}, {"fate": "refused", "cause": "no_listener", "confidence": "exact"})
    done = synfate.stop()
    expect({"attempts": {"refused": 3, "dropped": 2}}, done.summary)
    check([line["code"] for line in done.lines if line["type"] == "notice"] == ["paused"], "it is not said, or not once")


def other_settings(lab):
    """The way back is another by the time that it is looked at."""
    routed(lab)
    lab.listener("server", lab.v4(2, 2), 80)
    lab.address("client", "lo", lab.v4(7, 7) + "/32")
    lab.neighbours("client", "eth0", "router", "toclient", lab.v4(1, 1))
    lab.route("router", f"{lab.v4(7, 0)}/24 dev toserver")
    for device in ("all", "toclient"):
        lab.sysctl("router", f"net.ipv4.conf.{device}.rp_filter", 1)
    synfate = lab.synfate("trace", "--netns", lab.inode("client"))
    stop(lab, synfate.process.pid)
    lab.connect("client", lab.v4(2, 2), 80, 0.3, source=lab.v4(7, 7))
    filler(lab)
    for device in ("all", "toclient"):
        lab.sysctl("router", f"net.ipv4.conf.{device}.rp_filter", 0)
    lab.ip("router", f"route replace {lab.v4(7, 0)}/24 dev toclient")
    os.kill(synfate.process.pid, signal.SIGCONT)
    row = synfate.expect_attempt(
        {"flow": {"src": lab.v4(7, 7)}}, {"fate": "dropped", "cause": "rp_filter", "confidence": "partial", "evidence": says(LATE)}
    )
    check(row["where"]["reason"] == "IP_RPFILTER", "not by the kernel's word")
    synfate.stop()


class Shell:
    """An interactive one, with that terminal as its own."""

    def __init__(self, terminal):
        argv = ["setsid", "--ctty", "--wait", "bash", "--norc", "--noprofile", "-i"]
        self.process = subprocess.Popen(argv, stdin=terminal, stdout=terminal, stderr=terminal)

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()


def job_control(lab):
    """^Z, fg and ^C in a shell."""
    failing(lab)
    ours, theirs = pty.openpty()
    shell = Shell(theirs)
    lab.others.append(shell)
    os.close(theirs)

    text = b""

    def until(words, since=0):
        nonlocal text
        if words not in text[since:]:
            text += read_terminal(ours, words, 20)
        check(words in text[since:], f"no {words.decode()} on the terminal: {text[since:].decode(errors='replace')}")

    os.write(ours, f"{tool.binary()} trace --json --netns {lab.inode('client')}\n".encode())
    until(b"Ctrl-C ends with a summary")
    refused = lab.connect("client", lab.v4(2, 2), 81, 2)["sport"]
    until(f'"sport":{refused},'.encode())
    os.write(ours, CTRL_Z)
    until(b"Stopped")
    dropped = lab.connect("client", lab.v4(2, 2), 80, 0.3)["sport"]
    filler(lab)
    os.write(ours, b"fg\n")
    until(f'"sport":{dropped},'.encode())
    check(b'"code":"paused"' in text, f"that it did not run is not said: {text.decode(errors='replace')}")
    os.write(ours, CTRL_C)
    until(b'"type":"summary"')
    os.write(ours, b"echo 'ended' with $?.\n")
    until(b"ended with ")
    until(b".", since=text.index(b"ended with "))
    # 3: something else on the machine had more under way than synfate follows.
    check(b"ended with 0." in text or b"ended with 3." in text, "it did not end as it should")
    check(b'"lost":0' in text, "no summary")
    os.write(ours, b"exit\n")
    shell.process.wait(10 * tool.PATIENCE)
    os.close(ours)


if __name__ == "__main__":
    main(142, __doc__, stopped, other_settings, job_control)
