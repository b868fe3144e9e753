# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A name server inside a lab: it knows the names of its command line, and nothing else. NAME=ADDRESS[,ADDRESS...], or NAME=REFUSED, FAILED,
EMPTY or SILENT. Answers over UDP, and over TCP what is too long for that; it goes when its stdin ends."""

import json
import os
import select
import socket
import struct
import sys

TYPES = {1: socket.AF_INET, 28: socket.AF_INET6}
CODES = {"FAILED": 2, "REFUSED": 5}
MOST_BYTES = 512


def question_of(query):
    """(name, type, the question's bytes)"""
    labels, at = [], 12
    while query[at]:
        labels.append(query[at + 1 : at + 1 + query[at]].decode("ascii"))
        at += 1 + query[at]
    return ".".join(labels).lower(), struct.unpack("!H", query[at + 1 : at + 3])[0], query[12 : at + 5]


def answer(query, names):
    """Bytes, or None for silence."""
    name, kind, question = question_of(query)
    known = names.get(name)
    if known == ["SILENT"]:
        return None
    code = 3 if known is None else CODES.get(known[0], 0)
    records = b""
    count = 0
    for address in known or []:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        if address in ("EMPTY", *CODES) or TYPES.get(kind) != family:
            continue
        data = socket.inet_pton(family, address)
        records += struct.pack("!HHHIH", 0xC00C, kind, 1, 60, len(data)) + data
        count += 1
    return query[:2] + struct.pack("!HHHHH", 0x8180 | code, 1, count, 0, 0) + question + records


def main(address, port, entries):
    names = {entry.split("=")[0]: entry.split("=")[1].split(",") for entry in entries}
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    packets, streams = socket.socket(family, socket.SOCK_DGRAM), socket.socket(family, socket.SOCK_STREAM)
    for one in (packets, streams):
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        one.bind((address, port))
    streams.listen(8)
    print(json.dumps({"ready": True}), flush=True)
    while True:
        readable = select.select([0, packets, streams], [], [])[0]
        if 0 in readable and not os.read(0, 4096):
            return
        if packets in readable:
            query, peer = packets.recvfrom(4096)
            said = answer(query, names)
            if said and len(said) > MOST_BYTES:
                said = said[:2] + struct.pack("!HHHHH", 0x8380, 1, 0, 0, 0) + question_of(query)[2]
            if said:
                packets.sendto(said, peer)
        if streams in readable:
            connection = streams.accept()[0]
            query = connection.recv(4096)
            said = answer(query[2:], names)
            if said:
                connection.sendall(struct.pack("!H", len(said)) + said)
            connection.close()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3:])
