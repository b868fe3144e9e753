# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What runs inside a namespace of a ruleset's round, on one CPU: many connect()s at once, or traffic that hits the rules around them.

  rule_traffic.py burst CPU     stdin: {"syns": [[src, sport, dst, dport], ...], "at_once": N, "hold": seconds or null}, a line for each burst;
                                with null another line ends it
  rule_traffic.py noise CPU     stdin: {"targets": [[address, first port, last port], ...], "most": packets, "pause": seconds}, once

It reports in JSON lines on stdout, judges nothing, and goes when its stdin ends. Nothing is sent but to what it is told."""

import collections
import errno
import json
import math
import os
import random
import select
import socket
import sys
import time


def say(**fields):
    print(json.dumps(fields), flush=True)


def family_of(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


class Lines:
    """Of stdin, as they come; nothing is kept back in a buffer that poll() does not see."""

    def __init__(self):
        self.buffer = b""

    def next(self):
        while b"\n" not in self.buffer:
            more = os.read(0, 65536)
            if not more:
                sys.exit(0)
            self.buffer += more
        line, _, self.buffer = self.buffer.partition(b"\n")
        return line

    def ready(self):
        return b"\n" in self.buffer or bool(select.select([0], [], [], 0)[0])


def pin(number):
    allowed = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {allowed[number % len(allowed)]})


def begin(syn):
    source, sport, address, port = syn
    client = socket.socket(family_of(address), socket.SOCK_STREAM)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    client.bind((source, sport))
    client.setblocking(False)
    return client, client.connect_ex((address, port))


def burst(lines, syns, at_once, hold):
    """Each is held until its time is over, it is refused, or it is established. Without a time, a line on stdin ends it."""
    waiting, held = collections.deque(syns), collections.OrderedDict()
    poller = select.poll()
    poller.register(0, select.POLLIN)
    ended, told = collections.Counter(), False

    def end(descriptor, how):
        client, _ = held.pop(descriptor)
        poller.unregister(descriptor)
        client.close()
        ended[how] += 1

    while waiting or held:
        while waiting and len(held) < at_once:
            client, error = begin(waiting.popleft())
            if error not in (0, errno.EINPROGRESS):
                ended[errno.errorcode.get(error, str(error))] += 1
                client.close()
                continue
            held[client.fileno()] = (client, math.inf if hold is None else time.monotonic() + hold)
            poller.register(client, select.POLLOUT)
        if not held:
            continue
        first = next(iter(held.values()))[1]
        left = 0 if lines.ready() else None if first == math.inf else max(0, (first - time.monotonic()) * 1000)
        for descriptor, _ in poller.poll(left):
            if descriptor == 0:
                continue
            error = held[descriptor][0].getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            end(descriptor, errno.errorcode.get(error, str(error)))
        if lines.ready():
            lines.next()
            told = True
        now = math.inf if told else time.monotonic()
        for descriptor in [descriptor for descriptor, (_, until) in held.items() if until <= now]:
            end(descriptor, "held")
    # Whoever was to say when it ends does so also when nothing is held any more.
    if hold is None and not told:
        lines.next()
    say(sent=len(syns), ended=ended)


def noise(targets, most, pause):
    """UDP and TCP, a few packets after each pause, until the limit or the end of stdin."""
    rng = random.Random(os.getpid())
    sockets = {family: socket.socket(family, socket.SOCK_DGRAM) for family in (socket.AF_INET, socket.AF_INET6)}
    for one in sockets.values():
        one.setblocking(False)
    connecting, sent = collections.deque(), 0
    while sent < most and not select.select([0], [], [], pause)[0]:
        for _ in range(4):
            address, first, last = rng.choice(targets)
            try:
                sockets[family_of(address)].sendto(b"noise", (address, rng.randint(first, last)))
            except OSError:  # refused by a rule, or by the error that an earlier one met
                pass
            sent += 1
        if sent % 40 == 0:
            address, first, last = rng.choice(targets)
            client = socket.socket(family_of(address), socket.SOCK_STREAM)
            client.setblocking(False)
            client.connect_ex((address, rng.choice((first, last))))
            connecting.append(client)
            if len(connecting) > 30:
                connecting.popleft().close()
    say(sent=sent)


def main():
    job = sys.argv[1]
    pin(int(sys.argv[2]))
    say(ready=True)
    lines = Lines()
    while True:
        wanted = json.loads(lines.next())
        if job == "burst":
            burst(lines, **wanted)
        else:
            noise(**wanted)


main()
