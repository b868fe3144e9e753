# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A listener with a will of its own: strict_server.py ADDRESS PORT MODE [ARGUMENT].

  filter        a classic filter that takes nothing              bpf-filter    a BPF program that takes nothing
  md5 PEER      a TCP-MD5 key for that peer                      minttl N      no packet with a TTL below N
  cgroup PATH   nothing more, from inside that cgroup            fin, rst      accepts and closes, without a word
  unread        closes when something to read is there           half-close    ends its own sending only
  corked        answers, closes while its answer still waits for more to come (TCP_CORK)
  never         never accepts, and closes its listener when a line comes

It reports in JSON lines on stdout, as agent.py does; it goes when its stdin ends."""

import ctypes
import json
import os
import select
import socket
import struct
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from bpf_holder import load  # noqa: E402

SO_ATTACH_FILTER, SO_ATTACH_BPF = 26, 50
TCP_MD5SIG = 14
IPV6_MINHOPCOUNT = 73
SOCKET_FILTER = 1


def say(**fields):
    print(json.dumps(fields), flush=True)


def take_nothing(server):
    code = ctypes.create_string_buffer(struct.pack("HBBI", 0x06, 0, 0, 0))
    server.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, struct.pack("HxxxxxxP", 1, ctypes.addressof(code)))


def sign_for(server, peer):
    v6 = ":" in peer
    packed = socket.inet_pton(server.family, peer)
    address = struct.pack("=HH4s16sI", socket.AF_INET6, 0, b"", packed, 0) if v6 else struct.pack("=HH4s", socket.AF_INET, 0, packed)
    server.setsockopt(socket.IPPROTO_TCP, TCP_MD5SIG, address.ljust(128, b"\0") + struct.pack("=BBHI80s", 0, 0, 6, 0, b"secret"))


def prepare(server, mode, argument):
    if mode == "filter":
        take_nothing(server)
    elif mode == "bpf-filter":
        server.setsockopt(socket.SOL_SOCKET, SO_ATTACH_BPF, load("take_nothing", SOCKET_FILTER, 0))
    elif mode == "md5":
        sign_for(server, argument)
    elif mode == "minttl" and server.family == socket.AF_INET6:
        server.setsockopt(socket.IPPROTO_IPV6, IPV6_MINHOPCOUNT, int(argument))
    elif mode == "minttl":
        server.setsockopt(socket.IPPROTO_IP, 21, int(argument))  # IP_MINTTL


def end(connection, mode):
    if mode == "rst":
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    if mode == "unread":
        select.select([connection], [], [])
    if mode == "corked":
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 1)
        connection.sendall(b"an answer")
    if mode == "half-close":
        connection.shutdown(socket.SHUT_WR)
        connection.recv(4096)
    connection.close()


def main(address, port, mode, argument=""):
    if mode == "cgroup":
        with open(os.path.join(argument, "cgroup.procs"), "w", encoding="ascii") as members:
            members.write("0")
    server = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    prepare(server, mode, argument)
    server.bind((address, int(port)))
    server.listen(16)
    say(ready=True)
    while True:
        readable = select.select([0, server] if mode != "never" else [0], [], [])[0]
        if 0 in readable and not os.read(0, 4096):
            return
        if 0 in readable:
            server.close()
            say(closed=True)
        elif server in readable:
            end(server.accept()[0], mode)


if __name__ == "__main__":
    main(*sys.argv[1:])
