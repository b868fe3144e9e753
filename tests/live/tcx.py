# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What is attached to a device by TCX (Linux 6.6), asked of the kernel itself: bpftool of Debian 12 does not know it. It judges nothing."""

import contextlib
import ctypes
import os
import socket
import struct

import inside
from bpf_holder import SYS_BPF, _libc, bpf, load

PROG_GET_FD_BY_ID, OBJ_GET_INFO_BY_FD, PROG_QUERY, LINK_CREATE, ENABLE_STATS = 13, 15, 16, 28, 32
SCHED_CLS, INGRESS, EGRESS = 3, 46, 47
NEXT = -1


def programs(path, device):
    """Numbers of the programs on both sides of that device of the namespace at `path`, in the order in which they are asked."""
    found = []
    with inside.entered(path):
        try:
            index = socket.if_nametoindex(device)
        except OSError:
            return [[], []]
        for side in (INGRESS, EGRESS):
            ids = (ctypes.c_uint32 * 64)()
            query = ctypes.create_string_buffer(struct.pack("IIIIQIIQQQQ", index, side, 0, 0, ctypes.addressof(ids), 64, 0, 0, 0, 0, 0))
            bpf_in_place(PROG_QUERY, query)
            found.append(list(ids[: struct.unpack_from("I", query, 24)[0]]))
    return found


def bpf_in_place(command, buffer):
    """As bpf(), whose answers are not seen."""
    if _libc.syscall(SYS_BPF, command, buffer, len(buffer) - 1) < 0:
        raise OSError(ctypes.get_errno(), f"bpf({command})")


def facts(number):
    """(name, how often it has run): the latter only while counted() lasts."""
    descriptor = bpf(PROG_GET_FD_BY_ID, struct.pack("III", number, 0, 0))
    try:
        info = ctypes.create_string_buffer(256)
        bpf(OBJ_GET_INFO_BY_FD, struct.pack("IIQ", descriptor, 224, ctypes.addressof(info)))
    finally:
        os.close(descriptor)
    return info.raw[64:80].rstrip(b"\0").decode(), struct.unpack_from("Q", info, 200)[0]


@contextlib.contextmanager
def counted():
    """Runs are counted, on the whole machine, for as long as this lasts."""
    descriptor = bpf(ENABLE_STATS, struct.pack("I", 0))
    try:
        yield
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def attached(path, device, side, name):
    """A program that says nothing about any packet; its number."""
    program = load(name, SCHED_CLS, NEXT)
    with inside.entered(path):
        link = bpf(LINK_CREATE, struct.pack("IIII", program, socket.if_nametoindex(device), side, 0) + bytes(48))
    try:
        index = 0 if side == INGRESS else 1
        yield next(number for number in programs(path, device)[index] if facts(number)[0] == name)
    finally:
        os.close(link)
        os.close(program)
