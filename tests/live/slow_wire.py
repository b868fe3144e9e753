# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A wire between two network namespaces on which SYNs take their time, as on a satellite: slow_wire.py DEVICE OTHER_NAMESPACE SECONDS.

Both ends are tun devices of that name. It reports in JSON lines on stdout, as agent.py does; it goes when its stdin ends."""

import collections
import ctypes
import errno
import fcntl
import json
import os
import select
import struct
import sys
import time

TUNSETIFF, IFF_TUN, IFF_NO_PI, CLONE_NEWNET = 0x400454CA, 0x0001, 0x1000, 0x40000000
TCP, SYN, SYN_OR_ACK = 6, 0x02, 0x12


def tun(name):
    device = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(device, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TUN | IFF_NO_PI))
    return device


def is_syn(packet):
    header = (packet[0] & 15) * 4
    return packet[0] >> 4 == 4 and packet[9] == TCP and packet[header + 13] & SYN_OR_ACK == SYN


def deliver(device, packet):
    try:
        os.write(device, packet)
    except OSError as error:
        # The end that is not up yet gets nothing.
        if error.errno != errno.EIO:
            raise


def main(name, other, seconds):
    here = tun(name)
    libc = ctypes.CDLL(None, use_errno=True)
    with open(other, "rb") as namespace:
        if libc.setns(namespace.fileno(), CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "setns")
    there = tun(name)
    print(json.dumps({"ready": True}), flush=True)
    on_their_way = collections.deque()
    while True:
        wait = max(0, on_their_way[0][0] - time.monotonic()) if on_their_way else None
        readable = select.select([0, here, there], [], [], wait)[0]
        if 0 in readable and not os.read(0, 4096):
            return
        if there in readable:
            deliver(here, os.read(there, 65536))
        if here in readable:
            packet = os.read(here, 65536)
            if is_syn(packet):
                on_their_way.append((time.monotonic() + seconds, packet))
            else:
                deliver(there, packet)
        while on_their_way and on_their_way[0][0] <= time.monotonic():
            deliver(there, on_their_way.popleft()[1])


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], float(sys.argv[3]))
