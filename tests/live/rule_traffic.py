# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What runs inside a namespace of a ruleset's round, on one CPU: many connect()s at once, or traffic that hits the rules around them.

  rule_traffic.py burst CPU     stdin: {"syns": [[src, sport, dst, dport], ...], "at_once": N, "hold": seconds}, a line for each burst
  rule_traffic.py noise CPU     stdin: {"targets": [[address, first port, last port], ...], "most": packets, "pause": seconds}, once; ends with stdin

It reports in JSON lines on stdout, judges nothing, and goes when its stdin ends. Nothing is sent but to what it is told."""

import collections
import errno
import json
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


def burst(syns, at_once, hold):
    """Each is held until its time is over, it is refused, or it is established; a line on stdin ends all that are held."""
    waiting, held = collections.deque(syns), collections.OrderedDict()
    poller = select.poll()
    poller.register(0, select.POLLIN)
    ended = collections.Counter()

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
            held[client.fileno()] = (client, time.monotonic() + hold)
            poller.register(client, select.POLLOUT)
        if not held:
            continue
        first = next(iter(held.values()))[1]
        for descriptor, _ in poller.poll(max(0, (first - time.monotonic()) * 1000)):
            if descriptor == 0:
                if not os.read(0, 4096):
                    sys.exit(0)
                waiting.clear()
                for each in list(held):
                    end(each, "told")
                break
            error = held[descriptor][0].getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            end(descriptor, errno.errorcode.get(error, str(error)))
        now = time.monotonic()
        for descriptor in [descriptor for descriptor, (_, until) in held.items() if until <= now]:
            end(descriptor, "held")
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
    for line in sys.stdin:
        wanted = json.loads(line)
        if job == "burst":
            burst(**wanted)
        else:
            noise(**wanted)


main()
