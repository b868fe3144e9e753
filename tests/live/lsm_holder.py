# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A process that holds programs of BPF LSM where they are attached: lsm_holder.py OBJECT HOW-MANY IDLE.

IDLE more are loaded only. bpftool loads them, for they need the kernel's types; all goes with this process, as nothing stays pinned. It
reports in JSON lines on stdout, as agent.py does, also that it may not; it goes when its stdin ends."""

import ctypes
import json
import os
import struct
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from bpf_holder import bpf  # noqa: E402

OBJ_GET, RAW_TRACEPOINT_OPEN = 7, 17
PINS = "/run/lsm-pins"  # the test's own /run


def say(**fields):
    print(json.dumps(fields), flush=True)


def loaded(path):
    """The descriptor of a new program; None and why where the kernel does not take it."""
    pin = os.path.join(PINS, "program")
    done = subprocess.run(["bpftool", "prog", "load", path, pin], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        return None, (done.stderr.strip() or "bpftool prog load fails").splitlines()[0]
    name = ctypes.create_string_buffer(pin.encode())
    program = bpf(OBJ_GET, struct.pack("QII", ctypes.addressof(name), 0, 0))
    os.unlink(pin)
    return program, ""


def main(path, count, idle):
    os.makedirs(PINS, exist_ok=True)
    subprocess.run(["mount", "-t", "bpf", "bpf", PINS], check=True)
    for number in range(int(count) + int(idle)):
        program, why = loaded(path)
        if program is None:
            say(refused=why)
            return
        if number < int(count):
            bpf(RAW_TRACEPOINT_OPEN, struct.pack("QII", 0, program, 0))
    say(ready=True)
    os.read(0, 1)


if __name__ == "__main__":
    main(*sys.argv[1:])
