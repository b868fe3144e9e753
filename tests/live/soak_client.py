# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Many connections, each of which must succeed: soak_client.py ADDRESS PORT COUNT AT_ONCE...; every four words are one load.

Begins when a line comes on stdin, reports in JSON lines on stdout as agent.py does, and judges nothing."""

import json
import select
import socket
import sys

GREETING = b"synfate\n"


def say(**fields):
    print(json.dumps(fields), flush=True)


class Load:
    def __init__(self, address, port, count, at_once):
        self.family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self.target, self.left, self.at_once = (address, port), count, at_once
        self.failed = []
        self.open = {}

    def begin(self, poller):
        while self.left and len(self.open) < self.at_once:
            client = socket.socket(self.family, socket.SOCK_STREAM)
            client.setblocking(False)
            client.connect_ex(self.target)
            # It is written to once the handshake is complete, and read from once the server has greeted.
            poller.register(client, select.EPOLLIN)
            self.open[client.fileno()] = client
            self.left -= 1

    def end(self, descriptor):
        client = self.open.pop(descriptor)
        try:
            greeting = client.recv(len(GREETING))
            if greeting != GREETING:
                self.failed.append(f"greeted with {greeting!r}")
        except OSError as error:
            self.failed.append(str(error))
        client.close()


def main(words):
    loads = [Load(words[i], int(words[i + 1]), int(words[i + 2]), int(words[i + 3])) for i in range(0, len(words), 4)]
    say(ready=True)
    sys.stdin.readline()
    poller = select.epoll()
    for load in loads:
        load.begin(poller)
    while any(load.open for load in loads):
        for descriptor, _ in poller.poll(60):
            load = next(load for load in loads if descriptor in load.open)
            load.end(descriptor)
            load.begin(poller)
    say(failed=[words for load in loads for words in load.failed][:10], count=sum(len(load.failed) for load in loads))
    sys.stdin.readline()


if __name__ == "__main__":
    main(sys.argv[1:])
