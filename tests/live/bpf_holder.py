# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A process that loads a BPF program which says no to every packet, attaches it to a cgroup, and keeps it open:
bpf_holder.py CGROUP ingress|egress [HOW MANY].

It reports in JSON lines on stdout, as agent.py does; what it attached goes with its cgroup, or when it ends."""

import ctypes
import json
import os
import platform
import struct
import sys

SYS_BPF = {"x86_64": 321, "aarch64": 280}[platform.machine()]
PROG_LOAD, PROG_ATTACH, PROG_DETACH = 5, 8, 9
CGROUP_SKB = 8
ATTACH_TYPES = {"ingress": 0, "egress": 1}
ALLOW_MULTI = 2

_libc = ctypes.CDLL(None, use_errno=True)


def bpf(command, attributes):
    buffer = ctypes.create_string_buffer(attributes, len(attributes))
    result = _libc.syscall(SYS_BPF, command, buffer, len(attributes))
    if result < 0:
        raise OSError(ctypes.get_errno(), f"bpf({command})")
    return result


def load(name, program_type, answer):
    """r0 = answer; exit"""
    code = struct.pack("<BBhi", 0xB7, 0, 0, answer) + struct.pack("<BBhi", 0x95, 0, 0, 0)
    instructions, licence = ctypes.create_string_buffer(code), ctypes.create_string_buffer(b"GPL")
    attributes = struct.pack("IIQQIIQII16s", program_type, 2, ctypes.addressof(instructions), ctypes.addressof(licence), 0, 0, 0, 0, 0, name.encode())
    return bpf(PROG_LOAD, attributes + bytes(64))


def attach(cgroup, program, attach_type):
    bpf(PROG_ATTACH, struct.pack("IIII", cgroup, program, attach_type, ALLOW_MULTI))


def main(path, side, count="1"):
    cgroup = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    programs = [load("say_no", CGROUP_SKB, 0) for _ in range(int(count))]
    for program in programs:
        attach(cgroup, program, ATTACH_TYPES[side])
    print(json.dumps({"ready": True}), flush=True)
    os.read(0, 1)
    for program in programs:
        bpf(PROG_DETACH, struct.pack("III", cgroup, program, ATTACH_TYPES[side]))


if __name__ == "__main__":
    main(*sys.argv[1:])
