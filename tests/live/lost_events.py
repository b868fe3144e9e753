# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""More events than the ring holds, while synfate is stopped: it says how many were lost, and is not sure where that matters.

  client eth0 ────── eth0 server
  10.34.1.2        ✗ 10.34.1.3:80
             input: drop

Each SYN makes two records: its flight record and its drop. Those in the recording and those that were lost must add up.
"""

import os
import signal
import struct

import tool
from expect import any_of, at_least, check, expect
from scenario import main
from topology import pair

RECORDING = "/run/flood.synfate"
SYNS = 6000
RECORD, ATTEMPT, DROP = 2, 1, 3


def records():
    """The kinds of the wire records in the recording, in order."""
    kinds = []
    with open(RECORDING, "rb") as file:
        content = file.read()
    at = len(b"synfate recording\n")
    while at + 8 <= len(content):
        kind, length = struct.unpack_from("<II", content, at)
        if kind == RECORD:
            kinds.append(struct.unpack_from("=H", content, at + 8)[0])
        at += 8 + length
    return kinds


def stopped(tgid):
    with open(f"/proc/{tgid}/stat", encoding="ascii", errors="replace") as file:
        return file.read().rpartition(")")[2].split()[0] == "T"


def flood(lab, synfate):
    """Sends while synfate cannot read. Bounded: one burst, then it goes on."""
    tgid = synfate.process.pid
    agent = lab.agent("client", "flood", lab.v4(1, 2), lab.v4(1, 3), 80, SYNS)
    agent.report()
    os.kill(tgid, signal.SIGSTOP)
    try:
        deadline = tool.Deadline(10)
        while not stopped(tgid) and not deadline.passed():
            pass
        check(stopped(tgid), "synfate does not stop")
        agent.process.stdin.write(b"\n")
        agent.process.stdin.flush()
        check(agent.report(30)["sent"] == SYNS, "not all were sent")
    finally:
        os.kill(tgid, signal.SIGCONT)


def build(lab):
    pair(lab)
    lab.nft("server", "table ip lab { chain input { type filter hook input priority 0; tcp dport 80 drop; }; }")
    # No ARP during the burst: its queue holds only some packets.
    lab.neighbours("client", "eth0", "server", "eth0", lab.v4(1, 3))
    # With the gate so many would not be told.
    synfate = lab.synfate("trace", "--netns", lab.inode("client"), "--without", "gate", recording=RECORDING)
    flood(lab, synfate)
    return synfate


def counted(lab):
    if os.path.exists(RECORDING):
        os.unlink(RECORDING)  # of a scenario before; a recording never overwrites
    synfate = build(lab)
    synfate.wait_for(lambda line: line.get("code") == "events_lost", 20, "a notice of lost events")
    # The next attempt is as sure as ever: nothing of it was lost.
    lab.connect("client", lab.v4(1, 3), 81, 2)
    after = synfate.wait_attempt({"flow": {"dport": 81}, "fate": "refused"}, 20)
    expect({"confidence": any_of("exact", "strong")}, after)
    synfate.process.send_signal(signal.SIGINT)
    done = synfate.finish(30)
    check(done.status == 3, f"exit status {done.status}, events were lost")
    lost, seen = done.summary["events"]["lost"], done.summary["events"]["seen"]
    check(lost > 0, "the ring had room for everything, so this shows nothing")
    # It leaves the client, arrives at the server and is dropped there: three events each.
    check(seen >= 3 * SYNS, f"{seen} events seen of at least {3 * SYNS}")
    kept = [kind for kind in records() if kind in (ATTEMPT, DROP)]
    of_the_other = 8  # the refused attempt's own, and verdicts about the last drops that had room
    check(abs(lost + len(kept) - 2 * SYNS) <= of_the_other, f"{lost} lost and {len(kept)} kept of {2 * SYNS} records")
    rows = done.attempts({"flow": {"dport": 80}})
    check(len(rows) >= 100, f"only {len(rows)} rows of what was kept")
    ports = {row["flow"]["sport"] for row in rows}
    check(len(ports) == len(rows), "two rows for one SYN")
    for row in rows:
        sport = row["flow"]["sport"]
        expect({"isn": 1_000_000 + sport - 10000, "flow": {"src": lab.v4(1, 2), "dst": lab.v4(1, 3)}}, row)
        if row["fate"] == "dropped":
            expect({"cause": "netfilter_drop", "confidence": "partial", "where": {"netns": lab.inode("server")}, "syns": 1}, row)
        else:
            # Its flight record was kept and its drop was lost: what became of it is not known, and it does not say otherwise.
            expect({"fate": any_of("vanished", "unfinished", "parked"), "confidence": "partial"}, row)
    expect({"attempts": {"dropped": at_least(100)}}, done.summary)


def replayed(lab):
    """A replay of it knows as much and claims no more."""
    if not os.path.exists(RECORDING):
        synfate = build(lab)
        synfate.wait_for(lambda line: line.get("code") == "events_lost", 20, "a notice of lost events")
        synfate.process.send_signal(signal.SIGINT)
        synfate.finish(30)
    again = tool.once("replay", RECORDING, "--json", timeout=60)
    check(again.returncode == 3, f"exit status {again.returncode}: {again.stderr}")
    check('"confidence":"partial"' in again.stdout, "no row of the replay is only partly sure")
    exact = [line for line in again.stdout.splitlines() if '"dport":80}' in line and '"confidence":"exact"' in line]
    check(not exact, f"{len(exact)} rows are exact although events were lost meanwhile")


if __name__ == "__main__":
    main(34, __doc__, counted, replayed)
