# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A process that holds a BPF netfilter program which drops all that passes a hook: bpf_filter.py FAMILY HOOK PRIORITY.

Two instructions need no compiler and no library. It reports on stdout, as agent.py does; it and the program go when its stdin ends."""

import ctypes
import json
import os
import platform
import struct
import sys

BPF = {"x86_64": 321, "aarch64": 280}[platform.machine()]
PROG_LOAD, LINK_CREATE = 5, 28
PROG_TYPE_NETFILTER, ATTACH_NETFILTER = 32, 45
# r0 = NF_DROP; exit
DROP_ALL = struct.pack("BBhi", 0xB7, 0, 0, 0) + struct.pack("BBhi", 0x95, 0, 0, 0)

_libc = ctypes.CDLL(None, use_errno=True)


def bpf(command, attributes):
    buffer = ctypes.create_string_buffer(attributes, 128)
    result = _libc.syscall(BPF, command, buffer, 128)
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def load():
    code, license_text = ctypes.create_string_buffer(DROP_ALL), ctypes.create_string_buffer(b"Dual BSD/GPL")
    head = struct.pack("IIQQ", PROG_TYPE_NETFILTER, 2, ctypes.addressof(code), ctypes.addressof(license_text))
    # log (level, size, address), kernel version, flags, name, ifindex, expected attach type
    rest = struct.pack("IIQII16sII", 0, 0, 0, 0, 0, b"lab_drop_all", 0, ATTACH_NETFILTER)
    return bpf(PROG_LOAD, head + rest)


def main(family, hook, priority):
    bpf(LINK_CREATE, struct.pack("IIIIIIiI", load(), 0, ATTACH_NETFILTER, 0, family, hook, priority, 0))
    print(json.dumps({"ready": True}), flush=True)
    os.read(0, 1)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
