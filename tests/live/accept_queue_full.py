# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The listener does not accept() and its queue is full: SYNs are consumed without an answer and without a drop, and so is the final ACK of a
handshake that was under way, whose client believes that it is connected.

  client eth0 ────── eth0 server
  10.115.1.2         10.115.1.3:80 listens, accept queue full
"""

from expect import at_least, check, contains, expect, satisfies
from scenario import main
from tool import PATIENCE
from topology import flow, pair
from usual import SURE, dies, traces_listeners

# SYNs leave at 0, 1 and 3 seconds: the counters move between two looks at them.
THREE_SYNS = 3.6 if PATIENCE == 1 else 12


def said(*parts):
    """Each of them, somewhere in the evidence."""
    words = ", ".join(map(repr, parts))
    return satisfies(f"evidence with {words}", lambda lines: all(any(part in line for line in lines) for part in parts))


def at_its_word(server, depth, limit):
    """What a row says where the function that refuses is traced: after the first SYN, and once for all."""
    counted = "of this attempt; the last time it moved ListenOverflows by 1, ListenDrops by 1"
    return {
        "syns": at_least(1),
        "revision": 1,
        "confidence": "exact",
        "evidence": said("tcp_conn_request() of netns server refused", counted, f"of python3[{server.tgid}]: {depth} connections waited for accept() then, limit {limit}"),
    }


def refused(lab, server, depth, limit, **more):
    if traces_listeners():
        more = at_its_word(server, depth, limit)
    return {
        "fate": "dropped",
        "cause": "accept_queue_full",
        "packet": "syn",
        "syns": at_least(2),
        "server": {"netns": lab.inode("server"), "tgid": server.tgid, "comm": contains("python")},
        "where": {"netns": lab.inode("server"), "device": "eth0", "stage": "socket", "rule": None},
        "evidence": said(f"of python3[{server.tgid}]: {depth} connections wait for accept(), limit {limit}"),
        "next": satisfies("ss and the process", lambda text: "ss -Hltnp 'sport = :80'" in text and f"/proc/{server.tgid}/task" in text),
        **more,
    }


def from_the_first_look(lab, address):
    """Told after the second SYN, and surer after the third: it is the second revision that says that the counters moved."""
    pair(lab)
    server = lab.full_listener("server", address, 80, backlog=3)
    moved = said("ListenOverflows moved by", "own refusals by", f"of python3[{server.tgid}]: 4 connections wait for accept(), limit 3 (the backlog that listen() asked for")
    expected = refused(lab, server, 4, 3, confidence="strong", syns=at_least(3), revision=2, evidence=moved)
    if traces_listeners():
        dies(lab, "client", address, 80, expected, timeout=THREE_SYNS, patience=THREE_SYNS + 3)
        return
    _, _, done = dies(lab, "client", address, 80, expected, timeout=THREE_SYNS, patience=THREE_SYNS + 3)
    first = next(line for line in done.lines if line["type"] == "attempt" and line["client"]["netns"] == lab.inode("client"))
    expect(refused(lab, server, 4, 3, confidence="partial", revision=1, evidence=said("read only once")), first)


def ipv4(lab):
    from_the_first_look(lab, lab.v4(1, 3))


def ipv6(lab):
    from_the_first_look(lab, lab.v6(1, 3))


def somaxconn(lab):
    """listen() asked for more than the namespace allows."""
    pair(lab)
    lab.sysctl("server", "net.core.somaxconn", 2)
    server = lab.full_listener("server", lab.v4(1, 3), 80, backlog=100, connections=3)
    expected = refused(lab, server, 3, 2, evidence=said("limit 2 (net.core.somaxconn; listen() asked for as much or more)"))
    dies(lab, "client", lab.v4(1, 3), 80, expected, timeout=1.5 if PATIENCE == 1 else 6)


def connected(lab, abort=0, limit=2):
    """A client whose SYN was let in, and whose final ACK finds the queue full: (its attempt, the trace, the server)."""
    pair(lab)
    lab.sysctl("server", "net.ipv4.tcp_abort_on_overflow", abort)
    # The SYN-ACK waits for the client's MAC address, while the queue fills.
    lab.sysctl("client", "net.ipv4.conf.eth0.arp_ignore", 8)
    lab.neighbours("client", "eth0", "server", "eth0", lab.v4(1, 3))
    server = lab.full_listener("server", lab.v4(1, 3), 80, backlog=limit, connections=limit)
    synfate = lab.synfate("trace", "--host", lab.v4(1, 3))
    client = lab.connecting("client", lab.v4(1, 3), 80, THREE_SYNS)
    lab.wait_number(lambda: lab.half_open("server", 80), 1, "half-open connections")
    lab.one_more(server)
    lab.neighbours("server", "eth0", "client", "eth0", lab.v4(1, 2))
    lab.flush()
    return client, synfate, server


def final_ack(lab):
    client, synfate, server = connected(lab)
    expected = {
        "fate": "dropped",
        "cause": "accept_queue_full",
        "packet": "ack",
        "where": {"netns": lab.inode("server"), "stage": "socket"},
        "server": {"netns": lab.inode("server"), "tgid": server.tgid},
        "evidence": said("the client's socket is ESTABLISHED", "the server repeats its SYN-ACK", "3 connections wait for accept(), limit 2"),
        "confidence": SURE,
    }
    who = {"client": {"netns": lab.inode("client")}, **flow(lab.v4(1, 2), lab.v4(1, 3), 80)}
    synfate.expect_attempt(who, expected, THREE_SYNS + 3)
    outcome = client.outcome(THREE_SYNS + 10)
    check(outcome["errno"] is None, f"the lab does not work: {outcome}")
    rows = synfate.stop().attempts(who)
    check(len(rows) == 1, f"{len(rows)} rows for one connect()")
    expect({"fate": "dropped", "cause": "accept_queue_full", "packet": "ack"}, rows[0])


def abort_on_overflow(lab):
    client, synfate, server = connected(lab, abort=1)
    expected = {
        "fate": "refused",
        "cause": "accept_queue_full",
        "packet": "ack",
        "where": {"netns": lab.inode("server"), "stage": "socket"},
        "evidence": said("net.ipv4.tcp_abort_on_overflow is 1", f"python3[{server.tgid}]: 3 connections wait for accept(), limit 2"),
    }
    who = {"client": {"netns": lab.inode("client")}, **flow(lab.v4(1, 2), lab.v4(1, 3), 80)}
    synfate.expect_attempt(who, expected, THREE_SYNS + 3)
    client.outcome(THREE_SYNS + 10)
    rows = synfate.stop().attempts(who)
    check(len(rows) == 1, f"{len(rows)} rows for one connect()")
    expect({"fate": "refused", "cause": "accept_queue_full"}, rows[0])


if __name__ == "__main__":
    main(115, __doc__, ipv4, ipv6, somaxconn, final_ack, abort_on_overflow)
