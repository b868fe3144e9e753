# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""`synfate probe`: a real connect() from wherever it is asked to be made, one row for each, and an exit status that says its fate.

  client eth0 ────── eth0 server                    client eth0 ────── toclient router tun0 ─ ─ ─ beyond (silent)
  10.74.1.2         10.74.1.3:80 listens            10.74.1.2         10.74.1.1      10.74.2.1
"""

import os
import signal
import time

import tool
from expect import any_of, check, expect
from scenario import main
from topology import pair, routed

DROP = "table inet lab { chain input { type filter hook input priority 0; tcp dport 81 drop; }; }"


def build(lab):
    pair(lab)
    for address in lab.both(1, 3):
        lab.listener("server", address, 80)


def probe(lab, who, to, *arguments, timeout=30, **options):
    """To its end: every probe has a summary, and loses nothing."""
    done = lab.synfate("probe", "--from", who, "--to", to, *arguments, **options).finish(timeout)
    check(done.summary is not None, f"the last line is not a summary: {done.lines}\n{done.stderr}")
    expect({"events": {"lost": 0}}, done.summary)
    return done


def one_row(done, status, partial):
    check(len(done.attempts()) == 1, f"{len(done.attempts())} rows for one connect(): {done.lines}")
    expect(partial, done.attempts()[0])
    check(done.status == status, f"exit status {done.status}, expected {status}: {done.lines}\n{done.stderr}")


def who(lab):
    """The same connection from all that the namespace is known by."""
    build(lab)
    process = lab.listener("client", lab.v4(1, 2), 90)
    to = f"{lab.v4(1, 3)}:80"
    row = {"fate": "established", "client": {"netns": lab.inode("client"), "comm": "synfate-probe"}, "flow": {"src": lab.v4(1, 2)}}
    for one in ("netns:client", f"netns:{lab.inode('client')}", f"netns:{lab.path('client')}", f"pid:{process.tgid}"):
        one_row(probe(lab, one, to), 0, row)
    # Whose first process is in that namespace has it for a host.
    inside = ("nsenter", f"--net={lab.path('client')}", "--", "unshare", "--pid", "--fork", "--mount-proc")
    for one in ("host", f"node:{os.uname().nodename}"):
        one_row(probe(lab, one, to, prefix=inside), 0, row)


def ipv6(lab):
    build(lab)
    row = {"fate": "established", "flow": {"family": 6, "src": lab.v6(1, 2), "dst": lab.v6(1, 3), "dport": 80}}
    one_row(probe(lab, "netns:client", f"[{lab.v6(1, 3)}]:80"), 0, row)
    one_row(probe(lab, "netns:client", f"[{lab.v6(1, 3)}]:82"), 11, {"fate": "refused", "cause": "no_listener"})


def dropped_and_refused(lab):
    build(lab)
    lab.nft("server", DROP)
    one_row(probe(lab, "netns:client", f"{lab.v4(1, 3)}:82"), 11, {"fate": "refused", "cause": "no_listener"})
    row = {"fate": "dropped", "cause": "netfilter_drop", "where": {"rule": {"text": "tcp dport 81 drop"}}}
    begin = time.monotonic()
    one_row(probe(lab, "netns:client", f"{lab.v4(1, 3)}:81", "--timeout", "1500ms"), 10, row)
    check(1.5 <= time.monotonic() - begin, "it did not take the time that it was given")


def unanswered(lab):
    """The four seconds that a connect() has by itself are enough for silence to mean something."""
    routed(lab, server=False)
    lab.tun("router", "tun0", *lab.both(2, 1))
    row = {"fate": "unanswered", "cause": "left_node", "where": {"device": "tun0"}, "confidence": any_of("exact", "strong")}
    for address in (f"{lab.v4(2, 99)}:80", f"[{lab.v6(2, 99)}]:80"):
        begin = time.monotonic()
        one_row(probe(lab, "netns:client", address), 12, row)
        check(4 <= time.monotonic() - begin < 4 + 16 * tool.PATIENCE, "a connect() is not given four seconds")


def parked(lab):
    pair(lab)
    row = {"fate": "parked", "cause": "neighbour_unresolved"}
    one_row(probe(lab, "netns:client", f"{lab.v4(1, 99)}:80", "--timeout", "1500ms"), 13, row)


def at_once(lab):
    """connect() fails by itself: with a row where a route was looked for, and in its own words where nothing is known."""
    pair(lab)
    one_row(probe(lab, "netns:client", f"{lab.v4(9, 9)}:80"), 11, {"fate": "refused", "cause": "no_route", "syns": 0})
    lab.route("client", "224.0.0.0/4 dev eth0")
    done = probe(lab, "netns:client", "224.0.0.9:80")
    check(done.status == 11 and not done.attempts(), f"exit status {done.status}: {done.lines}")
    said = [line["text"] for line in done.lines if line.get("code") == "connect_failed"]
    check(len(said) == 1 and "224.0.0.9:80 failed at once: Network is unreachable" in said[0], f"not said: {done.lines}")


def several(lab):
    """A row for each of them; the highest status of all."""
    build(lab)
    done = probe(lab, "netns:client", f"{lab.v4(1, 3)}:80", "--count", 5)
    check([row["fate"] for row in done.attempts()] == ["established"] * 5, f"{done.lines}")
    check(done.status == 0 and done.summary["attempts"] == {"established": 5}, f"exit status {done.status}: {done.summary}")
    lab.nft("server", "table inet lab { chain input { type filter hook input priority 0; tcp dport 80 numgen inc mod 2 == 1 drop; }; }")
    done = probe(lab, "netns:client", f"{lab.v4(1, 3)}:80", "--count", 3, "--timeout", "300ms")
    fates = [row["fate"] for row in done.attempts()]
    check("established" in fates and "dropped" in fates, f"the lab does not work: {fates}")
    check(len(fates) == 3 and done.status == 10, f"exit status {done.status}: {fates}")


def interrupted(lab):
    routed(lab, server=False)
    lab.tun("router", "tun0", *lab.both(2, 1))
    for number in (signal.SIGINT, signal.SIGTERM):
        synfate = lab.synfate("probe", "--from", "netns:client", "--to", f"{lab.v4(2, 99)}:80", "--timeout", "60s")
        synfate.wait_attempt({"fate": "unanswered"})
        synfate.process.send_signal(number)
        done = synfate.finish()
        check(done.status == 12 and done.summary is not None, f"exit status {done.status} after it was decided: {done.lines}")


def replayed(lab):
    build(lab)
    file = "/run/probe.synfate"
    done = probe(lab, "netns:client", f"{lab.v4(1, 3)}:82", recording=file)
    again = tool.once("replay", file, "--json", "--all")
    check(f'"id":{done.attempts()[0]["id"]}' in again.stdout and '"cause":"no_listener"' in again.stdout, f"{again.stdout}{again.stderr}")


def wrong_words(lab):
    pair(lab)
    for arguments, words in (
        (("--from", "client", "--to", "10.0.0.1:80"), "pod:NAMESPACE/NAME"),
        (("--from", "pod:web-0", "--to", "10.0.0.1:80"), "NAMESPACE/NAME"),
        (("--from", "pod:shop/nobody", "--to", "10.0.0.1:80"), "no such pod"),
        (("--from", "node:nowhere", "--to", "10.0.0.1:80"), "no such node container"),
        (("--from", "netns:nowhere", "--to", "10.0.0.1:80"), "there is no /run/netns/nowhere"),
        (("--from", "netns:4000000000", "--to", "10.0.0.1:80"), "no such network namespace"),
        (("--from", "pid:4194304", "--to", "10.0.0.1:80"), "no such process"),
        (("--from", "netns:client", "--to", "10.0.0.1"), "no port"),
        (("--from", "netns:client", "--to", "fd00::1:80"), "brackets"),
        (("--from", "netns:client", "--to", "10.0.0.300:80"), "neither an address nor a name"),
        (("--from", "netns:client"), "--to"),
        (("--from", "netns:client", "--to", "10.0.0.1:80", "--count", "0"), "--count"),
    ):
        done = tool.once("probe", *arguments)
        check(done.returncode == 1 and words in done.stderr and not done.stdout, f"{arguments}: {done.returncode} {done.stderr} {done.stdout}")
        check(len(done.stderr.splitlines()) <= 3, f"{arguments}: more than three lines: {done.stderr}")


if __name__ == "__main__":
    main(74, __doc__, who, ipv6, dropped_and_refused, unanswered, parked, at_once, several, interrupted, replayed, wrong_words)
