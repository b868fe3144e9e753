# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""How often BPF programs ran and for how long, as the kernel counts it while BpfStats is open, and what the counting itself costs.

It asks for the programs that one process holds, and for no others."""

import ctypes
import os
import platform
import struct

SYSCALL = {"x86_64": 321, "aarch64": 280}
PROG_LOAD, PROG_GET_FD_BY_ID, OBJ_GET_INFO_BY_FD, RAW_TRACEPOINT_OPEN, ENABLE_STATS = 5, 13, 15, 17, 32
RAW_TRACEPOINT = 17
# r0 = 0; exit
EMPTY = struct.pack("<BBhiBBhi", 0xB7, 0, 0, 0, 0x95, 0, 0, 0)
NAME_AT, TIME_AT, COUNT_AT, INFO_BYTES = 64, 192, 200, 232

_libc = ctypes.CDLL(None, use_errno=True)


def bpf(command, attributes):
    buffer = ctypes.create_string_buffer(attributes, max(len(attributes), 128))
    result = _libc.syscall(SYSCALL[platform.machine()], command, buffer, len(buffer.raw))
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"bpf command {command}: {os.strerror(number)}")
    return result


class BpfStats:
    """The kernel measures BPF programs while this is open, and stops by itself with this process."""

    def __enter__(self):
        self.descriptor = bpf(ENABLE_STATS, struct.pack("<I", 0))
        return self

    def __exit__(self, *_):
        os.close(self.descriptor)


class Run:
    """What one program did in a time."""

    def __init__(self, name, runs, ns):
        self.name, self.runs, self.ns = name, runs, ns

    def without(self, floor_ns):
        """Its own nanoseconds: those of the clock taken off."""
        return max(0.0, self.ns - self.runs * floor_ns)


def info(descriptor):
    """(name, runs, nanoseconds)"""
    into = ctypes.create_string_buffer(INFO_BYTES)
    bpf(OBJ_GET_INFO_BY_FD, struct.pack("<IIQ", descriptor, INFO_BYTES, ctypes.addressof(into)))
    name = into.raw[NAME_AT : NAME_AT + 16].split(b"\0")[0].decode()
    return (name, *struct.unpack_from("<Q", into.raw, COUNT_AT), *struct.unpack_from("<Q", into.raw, TIME_AT))


def programs_of(tgid):
    """Identifiers of the programs that a process holds, by themselves or by a link."""
    found = set()
    for name in os.listdir(f"/proc/{tgid}/fdinfo"):
        try:
            with open(f"/proc/{tgid}/fdinfo/{name}", encoding="ascii") as file:
                found.update(int(line.split()[1]) for line in file if line.startswith("prog_id:"))
        except FileNotFoundError:
            continue
    return found


class Programs:
    """Those of one process, also those that it attaches later."""

    def __init__(self, tgid):
        self.tgid, self.descriptors = tgid, {}

    def look(self):
        for program in programs_of(self.tgid) - set(self.descriptors):
            self.descriptors[program] = bpf(PROG_GET_FD_BY_ID, struct.pack("<I", program))

    def counters(self):
        return {program: info(descriptor) for program, descriptor in self.descriptors.items()}

    def runs_of(self, action):
        """[Run] of what ran while action() did, of this machine's other traffic as well."""
        self.look()
        before = self.counters()
        action()
        runs = []
        for program, (name, count, ns) in self.counters().items():
            if count > before[program][1]:
                runs.append(Run(name, count - before[program][1], ns - before[program][2]))
        return runs

    def close(self):
        for descriptor in self.descriptors.values():
            os.close(descriptor)


class Floor:
    """An empty program at a tracepoint, while open: what a run costs that does nothing."""

    def __init__(self, tracepoint):
        licence, name = ctypes.create_string_buffer(b"GPL"), ctypes.create_string_buffer(tracepoint.encode())
        code = ctypes.create_string_buffer(EMPTY, len(EMPTY))
        load = struct.pack("<IIQQ", RAW_TRACEPOINT, len(EMPTY) // 8, ctypes.addressof(code), ctypes.addressof(licence))
        self.program = bpf(PROG_LOAD, load)
        self.link = bpf(RAW_TRACEPOINT_OPEN, struct.pack("<QI", ctypes.addressof(name), self.program))

    def of(self, action):
        """Nanoseconds of one run, the mean of all while action() ran."""
        _, runs_before, ns_before = info(self.program)
        action()
        _, runs, ns = info(self.program)
        return (ns - ns_before) / max(1, runs - runs_before)

    def close(self):
        os.close(self.link)
        os.close(self.program)
