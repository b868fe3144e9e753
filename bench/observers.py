# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What runs beside a load: nothing, or synfate. peers.py has the others."""

import contextlib
import os
import signal
import subprocess
import time

import inside
from tool import PATIENCE, binary, read_line


class NotHere(Exception):
    """It cannot run on this machine; the words are a row's note."""


@contextlib.contextmanager
def ahead_of_others():
    """What is started in here, and the caller who waits for it, go before all other work of the machine: that is not what is measured."""
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    except PermissionError:
        yield
        return
    try:
        yield
    finally:
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))


class Nothing:
    def start(self):
        pass

    def check(self):
        pass

    def stop(self):
        pass


class Traced:
    """synfate trace, armed once start() returns."""

    def __init__(self, *arguments, netns=None, stdout=subprocess.DEVNULL):
        self.arguments, self.netns, self.stdout = arguments, netns, stdout
        self.process = self.armed_ms = None

    def start(self):
        ready, write = os.pipe()
        argv = [binary(), "trace", "--json", "--ready-fd", str(write), *self.arguments]
        with inside.entered(self.netns or "/proc/thread-self/ns/net"):
            begin = time.monotonic()
            self.process = subprocess.Popen(argv, pass_fds=[write], stdin=subprocess.DEVNULL, stdout=self.stdout, stderr=subprocess.PIPE)
        os.close(write)
        line = read_line(ready, 20 * PATIENCE)
        self.armed_ms = (time.monotonic() - begin) * 1000
        os.close(ready)
        if line != "\n":
            self.process.kill()
            raise NotHere("synfate was not armed: " + self.process.communicate()[1].decode(errors="replace").strip())
        return self

    def highest_rss_mib(self):
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) / 1024

    def check(self):
        if self.process.poll() is not None:
            raise NotHere("synfate ended: " + self.process.communicate()[1].decode(errors="replace").strip())

    def stop(self):
        self.process.send_signal(signal.SIGINT)
        self.process.communicate()
        self.process = None
