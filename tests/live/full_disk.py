# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The disk is full while it records: it says so once and goes on tracing; the recording is replayed as far as it goes, and the replay says
that it was cut.

  client eth0 ────── eth0 server
  10.141.1.2        10.141.1.3 nobody listens
"""

import json
import os
import subprocess

import sandbox
import tool
from expect import any_of, check, expect
from scenario import main
from topology import pair

SMALL, SIZE = "/run/small", 65536
TRIES = 100


def until_it_fails(lab, recording, why, prefix=()):
    """Attempts until no more are recorded, then one more; the rows of both, by their ports."""
    pair(lab)
    synfate = lab.synfate("trace", "--netns", lab.inode("client"), recording=recording, prefix=prefix)
    rows = {}
    for number in range(TRIES):
        sport = lab.connect("client", lab.v4(1, 3), 80, 2)["sport"]
        rows[sport] = synfate.wait_attempt({"flow": {"sport": sport}, "fate": "refused"})
        if any(line.get("code") == "recording_failed" for line in synfate.lines):
            break
    sport = lab.connect("client", lab.v4(1, 3), 81, 2)["sport"]
    rows[sport] = synfate.wait_attempt({"flow": {"sport": sport}, "fate": "refused"})
    expect({"cause": "no_listener", "confidence": "exact"}, rows[sport])
    done = synfate.stop(lossless=False)
    failures = [line for line in done.lines if line.get("code") == "recording_failed"]
    check(len(failures) == 1 and why in failures[0]["text"], f"said of the recording: {failures}")
    check(done.status == 3, f"exit status {done.status}")
    expect({"attempts": {"refused": len(rows)}, "events": {"lost": 0}}, done.summary)
    return rows


def replayed(recording, rows):
    """What is whole is judged as it was, and nothing else."""
    argv = [tool.binary(), "replay", recording, "--json"]
    again = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=20 * tool.PATIENCE)
    check(again.returncode == 3, f"exit status {again.returncode}: {again.stderr}")
    lines = [json.loads(line) for line in again.stdout.splitlines()]
    codes = {line["code"] for line in lines if line["type"] == "notice"}
    check(codes & {"recording_unfinished", "recording_damaged"}, f"nothing is said of the cut: {codes}")
    expect({"type": "summary"}, lines[-1])
    decided = {line["flow"]["sport"]: line for line in lines if line["type"] == "attempt" and line["fate"] == "refused"}
    check(3 <= len(decided) < len(rows), f"{len(decided)} of {len(rows)} attempts in what was recorded")
    # Of the last one the end may be what was cut.
    *whole, last = sorted(decided.values(), key=lambda row: row["id"])
    expect({"confidence": any_of("exact", "partial")}, last)
    for row in whole:
        sport = row["flow"]["sport"]
        expect({field: rows[sport][field] for field in ("id", "flow", "isn", "fate", "cause", "where", "client", "first_seen")}, row)
    others = [line for line in lines if line["type"] == "attempt" and line["flow"]["sport"] not in decided]
    check(len(others) <= 1, f"only the last one may have been cut: {others}")


def full(lab):
    sandbox.mount_small(SMALL, SIZE)
    recording = os.path.join(SMALL, "full.synfate")
    rows = until_it_fails(lab, recording, "No space left")
    check(os.stat(recording).st_size <= SIZE, "more than there is room for")
    check(os.stat(recording).st_mode & 0o777 == 0o600, "others may read it")
    replayed(recording, rows)


def limited(lab):
    """`ulimit -f`: no signal ends it, and it is told like a full disk."""
    recording = "/run/limited.synfate"
    rows = until_it_fails(lab, recording, "File too large", prefix=["prlimit", f"--fsize={SIZE}"])
    replayed(recording, rows)


def no_room_at_all(lab):
    """It does not begin what it cannot do."""
    sandbox.mount_small(SMALL, 4096)
    with open(os.path.join(SMALL, "rest"), "wb") as file:
        file.write(bytes(4096))
    lab.netns("client")
    refused = tool.once("trace", "--netns", lab.inode("client"), "--for", "200ms", "--record", os.path.join(SMALL, "none.synfate"))
    check(refused.returncode == 2 and "No space left" in refused.stderr, f"exit status {refused.returncode}: {refused.stderr}")


if __name__ == "__main__":
    main(141, __doc__, full, limited, no_room_at_all)
