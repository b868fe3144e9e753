# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What a lab does inside a network namespace without starting a program for it: on an emulated machine each costs a tenth of a second.

It knows no names and no wires; lab.py does."""

import contextlib
import ctypes
import errno
import fcntl
import gc
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import traceback

import agent

CLONE_NEWNET = 0x40000000
SIOCGIFFLAGS = 0x8913
IFF_UP, IFF_LOOPBACK, IFF_RUNNING = 0x1, 0x8, 0x40
IFA_F_TENTATIVE = 0x40

_libc = ctypes.CDLL(None, use_errno=True)


def _join(descriptor):
    if _libc.setns(descriptor, CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


@contextlib.contextmanager
def entered(path):
    """The calling thread is in the namespace that `path` leads to, for as long as this lasts."""
    own = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    there = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        _join(there)
        yield
    finally:
        _join(own)
        os.close(there)
        os.close(own)


def unsettled(path):
    """Links of that namespace that are up and do not run yet, and its tentative addresses, in words."""
    waiting = []
    with entered(path), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
        for _, name in socket.if_nameindex():
            try:
                request = fcntl.ioctl(asked, SIOCGIFFLAGS, struct.pack("16sh14x", name.encode(), 0))
            except OSError as gone:
                # Devices of a namespace that was deleted go when the kernel comes to it.
                if gone.errno != errno.ENODEV:
                    raise
                continue
            flags = struct.unpack("16xh14x", request)[0]
            if flags & IFF_UP and not flags & (IFF_LOOPBACK | IFF_RUNNING):
                waiting.append(f"{name} does not run")
        with open("/proc/thread-self/net/if_inet6", encoding="ascii") as addresses:
            for line in addresses:
                address, _, _, _, flags, name = line.split()
                if int(flags, 16) & IFA_F_TENTATIVE:
                    waiting.append(f"{address} of {name} is tentative")
    return waiting


class Forked:
    """agent.py in a copy of this process, in another namespace: as much of subprocess.Popen as the labs use."""

    def __init__(self, path, words):
        self.args, self.returncode = ["agent", *words], None
        pipes = [os.pipe() for _ in range(3)]
        theirs = [pipes[0][0], pipes[1][1], pipes[2][1]]
        sys.stdout.flush()
        sys.stderr.flush()
        self.pid = os.fork()
        if self.pid == 0:
            _become(path, words, theirs)
        for descriptor in theirs:
            os.close(descriptor)
        self.stdin, self.stdout, self.stderr = open(pipes[0][1], "wb"), open(pipes[1][0], "rb"), open(pipes[2][0], "rb")

    def poll(self):
        if self.returncode is None and os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT):
            self.returncode = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        return self.returncode

    def wait(self, timeout=None):
        if self.returncode is None:
            pidfd = os.pidfd_open(self.pid)
            ended = select.select([pidfd], [], [], timeout)[0]
            os.close(pidfd)
            if not ended:
                raise subprocess.TimeoutExpired(self.args, timeout)
        return self.poll()

    def kill(self):
        if self.poll() is None:
            os.kill(self.pid, signal.SIGKILL)


def _become(path, words, descriptors):
    """The child's whole life. What it has of its parent's is not its own: nothing of it may be closed by being collected."""
    status = 1
    try:
        gc.disable()
        high = [fcntl.fcntl(descriptor, fcntl.F_DUPFD, 3) for descriptor in descriptors]
        for number, descriptor in enumerate(high):
            os.dup2(descriptor, number)
        os.closerange(3, 1 << 20)
        sys.stdin, sys.stdout, sys.stderr = open(0, encoding="utf-8"), open(1, "w", encoding="utf-8"), open(2, "w", encoding="utf-8")
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        there = os.open(path, os.O_RDONLY)
        _join(there)
        os.close(there)
        agent.main(words)
        status = 0
    except SystemExit as end:
        print(end, file=sys.stderr)
    except BaseException:  # nothing of the child may escape into the copy of its parent's stack
        traceback.print_exc()
    finally:
        with contextlib.suppress(OSError):
            sys.stdout.flush()
        with contextlib.suppress(OSError):
            sys.stderr.flush()
        os._exit(status)
