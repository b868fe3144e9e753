# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Was synfate told of all that happened? A kernel may keep tracing programs from running while an interrupt came to certain processes, and
count nothing of it: what a lab misses then says nothing about synfate. Packets that a timer sends are the only ones of a lab that are sent in
such an interrupt; the kernel counts them, and how often each program ran.

It never judges: a lab that fails all the same has failed."""

import ctypes
import json
import os
import subprocess

import inside

_BPF_ENABLE_STATS, _SYS_BPF_X86_64 = 32, 321
_PROGRAMS = {"on_tcp_retransmit_skb", "on_tcp_retransmit_synack"}


def _enable_counts():
    """A descriptor: for as long as it is open the kernel counts the runs of programs (since 5.8, d46edd671a14). None: it cannot."""
    if os.uname().machine != "x86_64":
        return None
    attributes = (ctypes.c_uint32 * 32)()
    descriptor = ctypes.CDLL(None).syscall(_SYS_BPF_X86_64, _BPF_ENABLE_STATS, ctypes.byref(attributes), ctypes.sizeof(attributes))
    return descriptor if descriptor >= 0 else None


def _sent_again(path):
    """Segments that the namespace of this path sent again, SYNs and SYN-ACKs among them (RFC 4022, tcpRetransSegs)."""
    with inside.entered(path), open("/proc/thread-self/net/snmp", encoding="ascii") as text:
        names, values = [row.split() for row in text if row.startswith("Tcp:")]
    return int(values[names.index("RetransSegs")])


def _runs():
    """Of the programs that are called for each; None: not those of one synfate."""
    shown = subprocess.run(["bpftool", "prog", "show", "-j"], capture_output=True, check=False)
    if shown.returncode != 0:
        return None
    programs = [program for program in json.loads(shown.stdout) if program.get("name") in _PROGRAMS]
    if len(programs) != len(_PROGRAMS):
        return None
    return sum(program.get("run_cnt", 0) for program in programs)


class Witness:
    """From when synfate is armed."""

    def __init__(self):
        self.counting, self.before = None, {}

    def expect(self):
        """Before synfate is started."""
        if self.counting is None:
            self.counting = _enable_counts()

    def begin(self, paths):
        """It is armed; `paths` lead to the namespaces of the lab."""
        self.before = {path: _sent_again(path) for path in paths}

    def unseen(self):
        """How many segments were sent again without any program of synfate being called; 0 where that is not known."""
        runs = _runs() if self.counting is not None and self.before else None
        if runs is None:
            return 0
        sent = sum(_sent_again(path) - before for path, before in self.before.items() if os.path.exists(path))
        return max(0, sent - runs)

    def close(self):
        if self.counting is not None:
            os.close(self.counting)
        self.counting, self.before = None, {}
