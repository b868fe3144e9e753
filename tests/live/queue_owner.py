# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A process that owns a netfilter queue and says of each packet `drop` or `accept`, over netlink: queue_owner.py NUMBER VERDICT
[NAME OF THE PROCESS].

It reports in JSON lines on stdout, as agent.py does; it goes when its stdin ends."""

import json
import os
import select
import socket
import struct
import sys

NETLINK_NETFILTER = 12
NFNL_SUBSYS_QUEUE = 3
NFQNL_MSG_PACKET, NFQNL_MSG_VERDICT, NFQNL_MSG_CONFIG = 0, 1, 2
NFQA_PACKET_HDR, NFQA_VERDICT_HDR, NFQA_CFG_CMD, NFQA_CFG_PARAMS = 1, 2, 1, 2
BIND, COPY_META = 1, 1
NLM_F_REQUEST, NLM_F_ACK, NLMSG_ERROR = 1, 4, 2
VERDICTS = {"drop": 0, "accept": 1}


def say(**fields):
    print(json.dumps(fields), flush=True)


def message(kind, queue, number, attribute, flags=NLM_F_REQUEST):
    padded = struct.pack("HH", 4 + len(attribute), number) + attribute + b"\0" * (-len(attribute) % 4)
    body = struct.pack("!BBH", socket.AF_UNSPEC, 0, queue) + padded
    return struct.pack("IHHII", 16 + len(body), NFNL_SUBSYS_QUEUE << 8 | kind, flags, 1, 0) + body


def configure(netlink, queue, number, attribute):
    netlink.send(message(NFQNL_MSG_CONFIG, queue, number, attribute, NLM_F_REQUEST | NLM_F_ACK))
    answer = netlink.recv(65536)
    kind, error = struct.unpack_from("4xH10xi", answer)
    if kind != NLMSG_ERROR or error != 0:
        sys.exit(f"queue_owner: the kernel answers {os.strerror(-error)}")


def packet_number(datagram):
    """The id of a queued packet, or None for another message."""
    if struct.unpack_from("H", datagram, 4)[0] != NFNL_SUBSYS_QUEUE << 8 | NFQNL_MSG_PACKET:
        return None
    at, end = 20, struct.unpack_from("I", datagram)[0]
    while at + 4 <= end:
        length, kind = struct.unpack_from("HH", datagram, at)
        if kind & 0x3FFF == NFQA_PACKET_HDR:
            return struct.unpack_from("!I", datagram, at + 4)[0]
        at += max(4, (length + 3) & ~3)
    return None


def main(queue, verdict, name=None):
    if name:
        with open("/proc/self/comm", "w", encoding="ascii") as comm:
            comm.write(name)
    netlink = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER)
    netlink.bind((0, 0))
    configure(netlink, queue, NFQA_CFG_CMD, struct.pack("!BxH", BIND, 0))
    configure(netlink, queue, NFQA_CFG_PARAMS, struct.pack("!IB", 0, COPY_META))
    say(ready=True)
    while True:
        readable = select.select([0, netlink], [], [])[0]
        if 0 in readable and not os.read(0, 4096):
            return
        if netlink in readable:
            number = packet_number(netlink.recv(65536))
            if number is not None:
                netlink.send(message(NFQNL_MSG_VERDICT, queue, NFQA_VERDICT_HDR, struct.pack("!II", verdict, number)))


if __name__ == "__main__":
    main(int(sys.argv[1]), VERDICTS[sys.argv[2]], *sys.argv[3:])
