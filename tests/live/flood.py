# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A flood of SYNs from 250 sources: dropped by a rule, refused by a closed port, ignored by a full listener. What is told and what is only
counted are together what was sent; nothing is lost; and who connects beside it is told of as ever.

  client eth0 ────────── eth0 server eth1 ────────── eth0 other ─── tun0: a silent world
  flood from        10.139.1.3:80 ✗, :81 closed, :82 full
  10.139.7.0/24     10.139.2.3:90 ✗, :91 listens       connect() to :90 and to :91, each tenth of a second
"""

import os
import subprocess

import tool
from bpf import syn_flood
from expect import at_least, check, expect, some_text
from lab import Agent
from scenario import main
from topology import flow

SYNS = 60_000
# Slow enough for those beside it to get something done meanwhile.
PER_SECOND = 40_000
SOURCES = 250
DROPPED, CLOSED, FULL, BESIDE_DROPPED, BESIDE_OPEN = 80, 81, 82, 90, 91
MIB = 1 << 20
RECORDING = "/run/flood.synfate"
RULES = """
table ip lab {
  counter arrived { }
  chain first { type filter hook prerouting priority raw; ip saddr %s/24 tcp flags syn counter name arrived; }
  chain input { type filter hook input priority 0; tcp dport 99 drop; tcp dport 90 drop; tcp dport 80 drop; }
}
"""


def build(lab):
    lab.netns("client", "server", "other")
    for netns, device, subnet in (("client", "eth0", 1), ("other", "eth1", 2)):
        lab.veth(netns, "eth0", "server", device)
        lab.address(netns, "eth0", lab.v4(subnet, 2))
        lab.address("server", device, lab.v4(subnet, 3))
    lab.route("server", f"{lab.v4(7, 0)}/24 via {lab.v4(1, 2)}")
    lab.tun("other", "tun0", lab.v4(5, 1))
    lab.settle()
    lab.neighbours("client", "eth0", "server", "eth0", lab.v4(1, 3))
    lab.neighbours("server", "eth0", "client", "eth0", lab.v4(1, 2))
    lab.nft("server", RULES % lab.v4(7, 0))
    lab.listener("server", lab.v4(2, 3), BESIDE_OPEN)


def arrived(lab):
    words = lab.run("server", "nft", "list", "counter", "ip", "lab", "arrived").split()
    return int(words[words.index("packets") + 1])


def send(lab, dport):
    """The whole flood; how many were sent."""
    arguments = ["eth0", lab.mac("server", "eth0"), lab.v4(7, 1), SOURCES, lab.v4(1, 3), dport, SYNS, PER_SECOND]
    argv = ["nsenter", f"--net={lab.path('client')}", "--", syn_flood(), *map(str, arguments)]
    pipe = subprocess.PIPE
    sender = Agent(subprocess.Popen(argv, stdin=pipe, stdout=pipe, stderr=pipe))
    lab.agents.append(sender)
    sender.report()
    sender.process.stdin.write(b"\n")
    sender.process.stdin.flush()
    done = sender.report(60)
    print(f"      {done['sent']} SYNs in {done['seconds']:.1f} s", flush=True)
    return done["sent"]


def resident(tgid):
    with open(f"/proc/{tgid}/status", encoding="ascii") as lines:
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))


def map_bytes(tgid):
    """What the maps of that process take of the kernel's memory."""
    folder, maps = f"/proc/{tgid}/fdinfo", {}
    for name in os.listdir(folder):
        with open(os.path.join(folder, name), encoding="ascii") as lines:
            fields = dict(line.split(":", 1) for line in lines if ":" in line)
        if "map_id" in fields:
            maps[fields["map_id"]] = int(fields["memlock"])
    return sum(maps.values())


def wait_for_silence(lab, synfate):
    """Returns when all that went silent has been told of, or counted: a SYN of nobody's is told of once it is overdue, the last of all."""
    last = lab.agent("other", "syns", lab.v4(5, 1), lab.v4(5, 9), "999:999:4242")
    last.report()
    last.process.stdin.write(b"\n")
    last.process.stdin.flush()
    synfate.wait_attempt({"flow": {"dport": 999}}, 20)


def beside(lab, agent, done):
    """Each connect() that was dropped has its row, with the rule; none that was answered has one."""
    rows = {row["flow"]["sport"]: row for row in done.attempts({"client": {"netns": lab.inode("other")}, "flow": {"dst": lab.v4(2, 3)}})}
    for sport in agent["failing"]:
        check(sport in rows, f"the connect() from port {sport} has no row")
        rule = {"table": "lab", "chain": "input", "number": 2, "text": some_text, "policy": False}
        expect({"fate": "dropped", "cause": "netfilter_drop", "confidence": "exact", "where": {"rule": rule}}, rows[sport])
    others = [row for sport, row in rows.items() if sport not in agent["failing"]]
    check(not others, f"{len(others)} rows of connections that were answered: {others[:1]}")
    check(len(agent["failing"]) >= 3 and agent["answers"] == len(agent["failing"]), f"too little went on beside the flood: {agent}")


def flooded(lab, dport):
    """One flood under trace: (what synfate said, how many SYNs came)."""
    if os.path.exists(RECORDING):
        os.unlink(RECORDING)  # of a scenario before; a recording never overwrites
    synfate = lab.synfate("trace", "--host", f"10.{lab.number}.0.0/16", recording=RECORDING)
    other = lab.agent("other", "bystander", lab.v4(2, 3), BESIDE_DROPPED, BESIDE_OPEN)
    other.report()
    sent = send(lab, dport)
    check(sent == SYNS and arrived(lab) == sent, f"{sent} sent and {arrived(lab)} arrived of {SYNS}")
    other.process.stdin.write(b"\n")
    other.process.stdin.flush()
    agent = other.report()
    wait_for_silence(lab, synfate)
    memory, maps = resident(synfate.process.pid), map_bytes(synfate.process.pid)
    check(memory <= 64 * MIB, f"{memory // MIB} MiB resident")
    check(maps <= 64 * MIB, f"{maps // MIB} MiB of maps")
    synfate.process.send_signal(2)
    done = synfate.finish(60)
    expect({"events": {"lost": 0}, "crowded": {"syns": at_least(SYNS // 2)}}, done.summary)
    check(done.status == 3, f"exit status {done.status}: not every attempt is told")
    check(any(line.get("code") == "syns_crowded" for line in done.lines), "no notice of it")
    beside(lab, agent, done)
    return done, sent


def account(lab, done, dport, sent, expected):
    """Told one by one + told with others + counted only = sent. Returns the crowd."""
    rows = done.attempts({"flow": {"dst": lab.v4(1, 3), "dport": dport}})
    check(len({(row["flow"]["src"], row["flow"]["sport"]) for row in rows}) == len(rows), "two rows for one SYN")
    for row in rows:
        expect(expected, row)
    like = {line["like"]: line["attempts"] for line in done.lines if line["type"] == "folded" and line["dport"] == dport}
    crowds = [crowd for crowd in done.summary["crowded"]["to"] if crowd["dst"] == lab.v4(1, 3)]
    check(len(crowds) == 1, f"not one crowd: {crowds}")
    told, folded, counted = len(rows), sum(like.values()), crowds[0]["syns"]
    check(told + folded + counted == sent, f"{told} rows, {folded} like them and {counted} counted are not {sent}")
    check(told >= 100, f"only {told} rows")
    # An estimate: within a third, where a tenth is usual.
    check(abs(crowds[0]["sources"] - SOURCES) <= SOURCES / 3, f"{crowds[0]['sources']} sources")
    return crowds[0]


def rule(lab):
    build(lab)
    done, sent = flooded(lab, DROPPED)
    named = {"rule": {"table": "lab", "chain": "input", "number": 3}}
    crowd = account(lab, done, DROPPED, sent, {"fate": "dropped", "cause": "netfilter_drop", "confidence": "exact", "syns": 1, "where": named})
    expect({"dropped": crowd["syns"], "reason": "NETFILTER_DROP", "reset": 0}, crowd)
    again = tool.once("replay", RECORDING, "--json", timeout=60)
    check(again.returncode == 3 and f'"crowded":{{"syns":{done.summary["crowded"]["syns"]},' in again.stdout, "the replay says less")


def closed_port(lab):
    build(lab)
    done, sent = flooded(lab, CLOSED)
    crowd = account(lab, done, CLOSED, sent, {"fate": "refused", "cause": "no_listener", "syns": 1})
    expect({"reset": at_least(crowd["syns"] * 0.9)}, crowd)


def full_listener(lab):
    build(lab)
    lab.sysctl("server", "net.ipv4.tcp_syncookies", 0)
    lab.full_listener("server", lab.v4(1, 3), FULL)
    done, sent = flooded(lab, FULL)
    account(lab, done, FULL, sent, {"fate": "dropped", "cause": "accept_queue_full", "syns": 1})


def on_a_terminal(lab):
    """What a person sees of it can be read."""
    build(lab)
    synfate = lab.synfate("trace", "--dst", lab.v4(1, 3), json_lines=False)
    send(lab, DROPPED)
    synfate.wait_text("more like #", 10)
    synfate.process.send_signal(2)
    done = synfate.finish(60)
    check(done.status == 3, f"exit status {done.status}")
    rows = sum(1 for line in synfate.text if "DROPPED" in line and "more like" not in line)
    check(20 <= rows <= 60, f"{rows} rows")
    check(len(synfate.text) <= 600, f"{len(synfate.text)} lines")
    ends = [line for line in synfate.text if "SYNs came, or failed, too fast" in line]
    check(ends and f"to {lab.v4(1, 3)}:{DROPPED} from about" in ends[-1], f"the end does not say what was counted: {ends}")


if __name__ == "__main__":
    main(139, __doc__, rule, closed_port, full_listener, on_a_terminal)
