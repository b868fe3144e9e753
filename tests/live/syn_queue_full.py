# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Half-open connections fill the listener's SYN queue, and SYN cookies are off: the kernel consumes further SYNs without an answer.

  client eth0 ────── eth0 server tun0 ─── 10.71.9.0/24: whoever sent the half-open SYNs, and never answers
  10.71.1.2         10.71.1.3:80
"""

from accept_queue_full import THREE_SYNS, said
from expect import at_least, check, contains
from guests import IN_GUEST
from lab import Skip
from scenario import main
from topology import pair
from usual import dies, traces_listeners


def send(lab, number, address, source):
    """SYNs of no socket, in the name of who never answers; returns when they have left."""
    sender = lab.agent("client", "syns", source, address, *[f"{20000 + i}:80:{700_000 + i}" for i in range(number)])
    sender.report()
    sender.process.stdin.write(b"\n")
    sender.process.stdin.flush()
    sender.report()


def half_open(lab, number, address, source, backlog):
    """A listener that would accept, and SYNs to it that are never completed; cookies are on meanwhile."""
    pair(lab)
    lab.has_module("tcp_diag")
    lab.tun("server", "tun0", lab.v4(9, 1), lab.v6(9, 1))
    lab.settle()
    server = lab.listener("server", address, 80, backlog)
    send(lab, number, address, source)
    return server


def fill(lab, address, source, backlog=4):
    """So many that one finds no room: the queue holds as many as the backlog, and newer kernels one more."""
    server = half_open(lab, backlog + 2, address, source, backlog)
    lab.wait_number(lambda: lab.tcp_counter("server", "TCPReqQFullDoCookies"), 1, "SYNs that found the queue full")
    return server


def refused(lab, server, **more):
    return {
        "fate": "dropped",
        "cause": "syn_queue_full",
        "packet": "syn",
        "syns": at_least(3),
        "server": {"netns": lab.inode("server"), "tgid": server.tgid},
        "where": {"netns": lab.inode("server"), "device": "eth0", "stage": "socket", "rule": None},
        "confidence": "strong",
        "next": contains("ss -Hant state syn-recv 'sport = :80'"),
        **more,
    }


def not_in_guests():
    if IN_GUEST:
        raise Skip("a queue that is more than half full is pruned within seconds, before an emulated machine gets on")


def without_cookies(lab):
    not_in_guests()
    server = fill(lab, lab.v4(1, 3), lab.v4(9, 9))
    lab.sysctl("server", "net.ipv4.tcp_syncookies", 0)
    evidence = said("half-open connections wait for the client's ACK, limit 4", "TCPReqQFullDrop moved by", "net.ipv4.tcp_syncookies is 0")
    expected = refused(lab, server, evidence=evidence)
    dies(lab, "client", lab.v4(1, 3), 80, expected, timeout=THREE_SYNS, patience=THREE_SYNS + 3)


def without_cookies_ipv6(lab):
    not_in_guests()
    server = fill(lab, lab.v6(1, 3), lab.v6(9, 9))
    lab.sysctl("server", "net.ipv4.tcp_syncookies", 0)
    expected = refused(lab, server, evidence=said("half-open connections wait for the client's ACK, limit 4"))
    dies(lab, "client", lab.v6(1, 3), 80, expected, timeout=THREE_SYNS, patience=THREE_SYNS + 3)


def reserve(lab):
    """The queue has room by the listener's backlog, but its last quarter by tcp_max_syn_backlog is for peers that the kernel knows."""
    server = half_open(lab, 7, lab.v4(1, 3), lab.v4(9, 9), 128)
    lab.wait_number(lambda: lab.half_open("server", 80), 7, "half-open connections")
    lab.sysctl("server", "net.ipv4.tcp_max_syn_backlog", 8)
    lab.sysctl("server", "net.ipv4.tcp_syncookies", 0)
    counted = "ListenDrops moved by"
    depth = "7 half-open connections; "
    if traces_listeners():
        counted = "the last time it moved ListenDrops by 1"
        depth = "7 half-open connections then; "
    evidence = said(counted, f"{depth}above three quarters of net.ipv4.tcp_max_syn_backlog (8)")
    expected = refused(lab, server, evidence=evidence, syns=at_least(1 if traces_listeners() else 3))
    dies(lab, "client", lab.v4(1, 3), 80, expected, timeout=THREE_SYNS, patience=THREE_SYNS + 3)


def overfilled(lab, number):
    """Under trace, so many SYNs at once to a listener with room for 4, without cookies: (the trace, the listener)."""
    if not traces_listeners():
        raise Skip("functions cannot be traced here")
    pair(lab)
    lab.has_module("tcp_diag")
    lab.sysctl("server", "net.ipv4.tcp_syncookies", 0)
    lab.tun("server", "tun0", lab.v4(9, 1), lab.v6(9, 1))
    lab.settle()
    server = lab.listener("server", lab.v4(1, 3), 80, 4)
    synfate = lab.synfate("trace", "--dst", lab.v4(1, 3))
    send(lab, number, lab.v4(1, 3), lab.v4(9, 9))
    return synfate, server


def at_its_word(lab):
    """Where the function that refuses is traced, one SYN is enough: here the last of those that fill the queue."""
    synfate, server = overfilled(lab, 6)
    evidence = said("refused 1 SYN of this attempt; the last time it moved TCPReqQFullDrop by 1, ListenDrops by 1", "connections waited for the client's ACK then, limit 4")
    expected = refused(lab, server, evidence=evidence, confidence="exact", syns=1)
    synfate.expect_attempt({"flow": {"src": lab.v4(9, 9), "sport": 20005}}, expected, 10)
    rows = [row for row in synfate.stop().attempts({"flow": {"src": lab.v4(9, 9)}}) if row["cause"] == "syn_queue_full"]
    # As many as the backlog are let in, and by newer kernels one more.
    check(len(rows) in (1, 2), f"{len(rows)} of 6 SYNs were refused")


def flood(lab):
    """So many at once that not each is told: what is told and what is counted are all that were sent, and what the listener refused of them
    is known."""
    synfate, _ = overfilled(lab, 600)
    refused = lab.tcp_counter("server", "ListenDrops")
    done = synfate.stop(lossless=False)
    rows = done.attempts({"flow": {"src": lab.v4(9, 9)}})
    told = sum(1 for row in rows if any("tcp_conn_request() of netns server refused 1 SYN" in words for words in row["evidence"]))
    untold = sum(crowd["refused"] for crowd in done.summary.get("crowded", {"to": []})["to"])
    check(told + untold == refused, f"{told} told and {untold} untold of {refused}")
    check(told >= 100, f"only {told} of {refused} are told")


if __name__ == "__main__":
    main(71, __doc__, without_cookies, without_cookies_ipv6, reserve, at_its_word, flood)
