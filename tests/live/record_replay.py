# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What was recorded says the same again, without root and without the kernel: the same attempts with the same fates.

  client eth0 ────── eth0 server
  10.29.1.2       ✗ 10.29.1.3:80 dropped, :81 nobody listens
"""

import json
import os
import subprocess

import tool
from expect import check, expect
from scenario import main
from topology import pair

RECORDING = "/run/lab.synfate"


def attempts(lines):
    last = {}
    for line in lines:
        if line["type"] == "attempt":
            last[line["id"]] = line
    return last


def build_and_record(lab):
    if os.path.exists(RECORDING):
        os.unlink(RECORDING)  # of the scenario before; a recording never overwrites
    pair(lab)
    lab.listener("server", lab.v4(1, 3), 80)
    lab.nft("server", "table ip lab { chain input { type filter hook input priority 0; tcp dport 80 drop; }; }")
    synfate = lab.synfate("trace", "--netns", lab.inode("client"), recording=RECORDING)
    for dport, fate in ((80, "dropped"), (81, "refused")):
        lab.connect("client", lab.v4(1, 3), dport, 0.3)
        synfate.wait_attempt({"flow": {"dport": dport}, "fate": fate})
    return synfate.stop()


def replay(*arguments, prefix=()):
    argv = [*prefix, tool.binary(), "replay", RECORDING, *arguments]
    return subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=20 * tool.PATIENCE)


def same_again(lab):
    done = build_and_record(lab)
    os.chmod(RECORDING, 0o644)
    again = replay("--json", prefix=["setpriv", "--bounding-set=-all", "--inh-caps=-all"])
    check(again.returncode == 0, f"exit {again.returncode}: {again.stderr}")
    lines = [json.loads(line) for line in again.stdout.splitlines()]
    live, replayed = attempts(done.lines), attempts(lines)
    check(list(live) == list(replayed) and len(live) == 2, f"attempts {list(live)} live, {list(replayed)} replayed")
    for number, attempt in live.items():
        fields = ("flow", "nat", "isn", "syns", "client", "server", "fate", "cause", "packet", "where", "confidence", "first_seen", "path")
        expect({field: attempt[field] for field in fields}, replayed[number])
    expect({"attempts": done.summary["attempts"], "events": {"lost": 0}}, lines[-1])


def twice_the_same(lab):
    build_and_record(lab)
    first, second = replay("--json"), replay("--json")
    check(first.stdout == second.stdout and first.stdout, "two replays of one recording differ")


def truncated(lab):
    """A recording cut anywhere, as by a full disk or kill -9: what is whole is replayed and the cut is told, or it is refused in words."""
    build_and_record(lab)
    with open(RECORDING, "rb") as file:
        whole = file.read()
    for part in (0.1, 0.5, 0.9, 0.999):
        with open(RECORDING, "wb") as file:
            file.write(whole[: int(len(whole) * part)])
        done = replay("--json")
        check(done.returncode in (1, 3), f"cut at {part}: exit {done.returncode}\n{done.stderr}")
        check(done.stderr.strip() or '"notice"' in done.stdout, f"cut at {part}: nothing is said about it")


if __name__ == "__main__":
    main(29, __doc__, same_again, twice_the_same, truncated)
