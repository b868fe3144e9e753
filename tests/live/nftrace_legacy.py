# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The rule of iptables-legacy that dropped a SYN, by --nftrace, of the very first SYN; and where it must not be named.

  client eth0 ────── toclient router toserver ────── eth0 server
  10.100.1.2         10.100.1.1  ✗   10.100.2.1        10.100.2.2
"""

import json
import os
import signal
import tempfile
import threading

import tool
import topology
from expect import check, expect
from guests import IN_GUEST
from scenario import main

LEAST = ("--without", "netfilter_link", "--without", "fentry")


def routed(lab):
    topology.routed(lab)
    # Whoever lists tables has the kernel load nf_tables; synfate never does.
    lab.run("router", "nft", "list", "tables")


def named(lab, port, *arguments, address=None, fate="dropped", by="netfilter_drop", netns="router"):
    """The rule in the first revision of the row about one connect() whose only SYN is dropped, and its evidence."""
    synfate = lab.synfate("trace", "--nftrace", "--netns", lab.inode(netns), *arguments)
    lab.connect("client", address or lab.v4(2, 2), port, 0.3)
    row = synfate.expect_attempt({"flow": {"dport": port}}, {"fate": fate, "cause": by, "revision": 1})
    done = synfate.stop()
    last = [line for line in done.lines if line["type"] == "attempt"][-1]
    expect({"syns": 1, "where": {"rule": row["where"]["rule"]}}, last)
    return row


def named_in_time(lab, port, *arguments, **more):
    """A trace that is read too late is not believed, and an emulated machine may read late: there, some connect() will be read in time."""
    for _ in range(5 if IN_GUEST else 1):
        row = named(lab, port, *arguments, **more)
        if row["where"]["rule"]["chain"] is not None:
            break
    return row


def named_each_way(lab, port, rule, **more):
    """Where nothing else tells it, and where others may."""
    row = named_in_time(lab, port, *LEAST, **more)
    expect({"where": {"rule": {"backend": "iptables-legacy", "how": "nftrace", **rule}, "rule_gap": None}, "confidence": "exact"}, row)
    # Elsewhere other tests have the others, and an emulated machine takes ten seconds for each.
    if not IN_GUEST:
        expect({"where": {"rule": {"backend": "iptables-legacy", **rule}, "rule_gap": None}}, named_in_time(lab, port, **more))


def rules(lab):
    """A user chain behind a LOG, of each family, with and without a condition; told of the very first SYN."""
    routed(lab)
    for tables, address in (("iptables-legacy", lab.v4(2, 2)), ("ip6tables-legacy", lab.v6(2, 2))):
        for words in ("-N MINE", "-A FORWARD -p tcp --dport 70 -j LOG", "-A FORWARD -p tcp --dport 70:79 -j MINE",
                      "-A MINE -p tcp --dport 71 -j ACCEPT", "-A MINE -p tcp --dport 70 -m comment --comment nobody -j DROP", "-A MINE -j DROP"):  # fmt: skip
            lab.iptables("router", tables, words)
        mine = {"family": "ip6" if ":" in address else "ip", "table": "filter", "chain": "MINE", "policy": False}
        named_each_way(lab, 70, {**mine, "number": 2, "comment": "nobody"}, address=address)
        # xtables calls it the chain's return.
        named_each_way(lab, 72, {**mine, "number": 3, "text": "-A MINE -j DROP"}, address=address)


def policy(lab):
    """A policy, and a rule without a condition, which xtables calls a policy as well."""
    routed(lab)
    lab.iptables("server", "iptables-legacy", "-t mangle -A INPUT -p tcp --dport 81 -j ACCEPT")
    lab.iptables("server", "iptables-legacy", "-t mangle -P INPUT DROP")
    lab.iptables("server", "iptables-legacy", "-P INPUT DROP")
    lab.iptables("server", "iptables-legacy", "-A INPUT -j DROP")
    policy = {"table": "mangle", "chain": "INPUT", "policy": True, "number": None, "text": "-P INPUT DROP"}
    named_each_way(lab, 80, policy, by="netfilter_policy", netns="server")
    named_each_way(lab, 81, {"table": "filter", "chain": "INPUT", "policy": False, "number": 1, "text": "-A INPUT -j DROP"}, netns="server")


def reject(lab):
    routed(lab)
    lab.iptables("router", "iptables-legacy", "-A FORWARD -p tcp --dport 81 -j ACCEPT")
    lab.iptables("router", "iptables-legacy", "-A FORWARD -p tcp --dport 80 -j REJECT --reject-with icmp-admin-prohibited")
    named_each_way(lab, 80, {"table": "filter", "chain": "FORWARD", "number": 2}, fate="refused", by="netfilter_reject")


def hotdrop(lab):
    """A match that drops the packet by itself (hashlimit with a full table) is in no line: the last one is the innocent jump to its chain."""
    routed(lab)
    lab.iptables("router", "iptables-legacy", "-N MINE")
    lab.iptables("router", "iptables-legacy", "-A FORWARD -p tcp --dport 80 -j MINE")
    full = "-m hashlimit --hashlimit-name lab --hashlimit-mode srcport --hashlimit-upto 1/hour --hashlimit-htable-size 1 --hashlimit-htable-max 1"
    lab.iptables("router", "iptables-legacy", f"-A MINE -p tcp {full} -j ACCEPT")
    lab.iptables("router", "iptables-legacy", "-A MINE -p tcp --dport 80 -j DROP")
    lab.connect("client", lab.v4(2, 2), 80, 0.3)
    for arguments in (LEAST, ()):
        row = named(lab, 80, *arguments)
        expect({"where": {"rule": {"chain": None, "number": None, "text": None}}}, row)
        # A slow machine may read the trace when the row is out.
        check("entry 1 of chain FORWARD" in row["where"]["rule_gap"] or IN_GUEST, f"{row['where']}")


def new_rule(lab):
    """A rule that came after synfate is not known to have been there when its SYN was dropped; when the next one is, it is."""
    routed(lab)
    lab.iptables("router", "iptables-legacy", "-A FORWARD -p tcp --dport 90 -j ACCEPT")
    synfate = lab.synfate("trace", "--nftrace", "--netns", lab.inode("router"), *LEAST)
    lab.iptables("router", "iptables-legacy", "-I FORWARD -p tcp --dport 80 -j DROP")
    lab.connect("client", lab.v4(2, 2), 80, 1.5)
    first = synfate.expect_attempt({"flow": {"dport": 80}}, {"fate": "dropped", "revision": 1})
    expect({"where": {"rule": {"chain": None, "number": None}}}, first)
    check("not known to drop" in first["where"]["rule_gap"], f"{first['where']}")
    rule = {"chain": "FORWARD", "number": 1, "how": "nftrace"}
    synfate.expect_attempt({"flow": {"dport": 80}}, {"syns": 2, "where": {"rule": rule, "rule_gap": None}})
    synfate.stop()


def late(lab):
    """synfate stands still while a SYN dies and the table is replaced: what it reads then may be about anything."""
    routed(lab)
    lab.iptables("router", "iptables-legacy", "-A FORWARD -p tcp --dport 80 -m comment --comment first -j DROP")
    synfate = lab.synfate("trace", "--nftrace", "--netns", lab.inode("router"), *LEAST)
    synfate.process.send_signal(signal.SIGSTOP)
    lab.connect("client", lab.v4(2, 2), 80, 0.3)
    lab.iptables("router", "iptables-legacy", "-R FORWARD 1 -p tcp -m comment --comment second -j DROP")
    synfate.process.send_signal(signal.SIGCONT)
    row = synfate.expect_attempt({"flow": {"dport": 80}}, {"fate": "dropped"})
    expect({"where": {"rule": {"chain": None, "number": None, "text": None}}}, row)
    synfate.stop()


def replayed(lab):
    """A recording has what the rule was named by."""
    routed(lab)
    lab.iptables("router", "iptables-legacy", "-A FORWARD -p tcp --dport 80 -j DROP")
    with tempfile.TemporaryDirectory() as directory:
        recording = os.path.join(directory, "recording")
        synfate = lab.synfate("trace", "--nftrace", "--netns", lab.inode("router"), *LEAST, recording=recording)
        lab.connect("client", lab.v4(2, 2), 80, 0.3)
        row = synfate.expect_attempt({"flow": {"dport": 80}}, {"where": {"rule": {"number": 1, "how": "nftrace"}}})
        synfate.stop()
        again = [json.loads(line) for line in tool.once("replay", "--json", recording).stdout.splitlines()]
    expect({"where": row["where"]}, [line for line in again if line["type"] == "attempt"][-1])


class Churn:
    """A table that is replaced all the time: the rules of two ports change places, behind one that comes and goes."""

    def __init__(self, lab, ports):
        self.lab, self.ended, self.replaced = lab, threading.Event(), 0
        rules = [f"-A FORWARD -p tcp --dport {port} -m comment --comment port-{port} -j DROP" for port in ports]
        other = "-A FORWARD -p tcp --dport 7 -m comment --comment port-7 -j LOG"
        orders = [[rules[0], rules[1]], [rules[1], rules[0]], [other, rules[0], rules[1]], [rules[1], other, rules[0]]]
        self.tables = ["\n".join(["*filter", ":FORWARD ACCEPT [0:0]", *order, "COMMIT", ""]) for order in orders]
        self.replace()
        self.thread = threading.Thread(target=self.go)

    def replace(self):
        self.lab.run("router", "iptables-legacy-restore", "-w", stdin=self.tables[self.replaced % len(self.tables)])
        self.replaced += 1

    def go(self):
        while not self.ended.is_set():
            self.replace()
            # Some SYNs die while it rests, and can be told.
            self.ended.wait(0.1 * (self.replaced % 4))

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.thread.join()


def churn(lab):
    """Whatever is named was the rule: its words are about the port that died of it."""
    routed(lab)
    ports, count = (80, 90), 20
    with Churn(lab, ports) as churning:
        synfate = lab.synfate("trace", "--nftrace", "--netns", lab.inode("router"), *LEAST)
        for i in range(count):
            lab.connect("client", lab.v4(2, 2), ports[i % 2], 0.1)
        done = synfate.stop()
    named = [line for line in done.lines if line["type"] == "attempt" and line["where"] and line["where"]["rule"] and line["where"]["rule"]["number"]]
    for line in named:
        words = line["where"]["rule"]["comment"] or f"port-{line['flow']['dport']}"
        check(words == f"port-{line['flow']['dport']}", f"{line['flow']['dport']}: {line['where']}")
    print(f"{len(named)} of {count} named while the table was replaced {churning.replaced} times")


if __name__ == "__main__":
    main(100, __doc__, rules, policy, reject, hotdrop, new_rule, late, replayed, churn)
