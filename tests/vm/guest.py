# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Inside a guest: runs what comes over the serial line, one command at a time, and says how each went. It knows nothing of tests.

Both directions are JSON lines. A request is {"id", "run": argv, "environment", "timeout"} or {"id", "halt": true}; answers are {"id", "text"}, as it
comes, and one {"id", "exit": status or null where its time ran out, "seconds", "kernel": lines, "kernel_failed": bool}. A new request ends the one before."""

import json
import os
import re
import select
import signal
import subprocess
import sys
import termios
import time
import tty

# Bits of /proc/sys/kernel/tainted: a bad page, an oops, a WARN. A soft lockup is none of them: an emulated machine may just be slow.
BROKEN = 1 << 5 | 1 << 7 | 1 << 9
COMPLAINT = re.compile(r"BUG|WARNING|Oops|Call Trace|general protection|UBSAN|KASAN|suspicious RCU|refcount_t|stall|soft lockup|hung_task|blocked for more")
MOST_LINES = 120
MOST_OUTPUT = 2_000_000


class Line:
    """The serial line: JSON objects in, JSON objects out."""

    def __init__(self, path):
        self.descriptor = os.open(path, os.O_RDWR | os.O_NOCTTY)
        tty.setraw(self.descriptor)
        settings = termios.tcgetattr(self.descriptor)
        settings[2] |= termios.CLOCAL | termios.CREAD
        termios.tcsetattr(self.descriptor, termios.TCSANOW, settings)
        self.buffer = b""

    def say(self, **words):
        left = json.dumps(words).encode() + b"\n"
        while left:
            left = left[os.write(self.descriptor, left):]

    def has_request(self):
        return b"\n" in self.buffer

    def read(self):
        """Takes what has come; blocks only while nothing has."""
        self.buffer += os.read(self.descriptor, 4096)

    def request(self):
        """The next whole request; None for a line that is none, such as half of one from a host that was killed."""
        while not self.has_request():
            self.read()
        line, self.buffer = self.buffer.split(b"\n", 1)
        try:
            request = json.loads(line)
        except ValueError:
            return None
        return request if isinstance(request, dict) and "id" in request else None


class KernelLog:
    """What the kernel complains of while a command runs."""

    def __init__(self):
        self.descriptor = os.open("/dev/kmsg", os.O_RDONLY | os.O_NONBLOCK)
        os.lseek(self.descriptor, 0, os.SEEK_END)
        self.tainted = self.taint()

    def taint(self):
        with open("/proc/sys/kernel/tainted", encoding="ascii") as file:
            return int(file.read())

    def complaints(self):
        """(lines from the first complaint on, whether the kernel is broken by its own account)"""
        lines = []
        while True:
            try:
                record = os.read(self.descriptor, 8192).decode(errors="replace")
            except BlockingIOError:
                break
            except BrokenPipeError:  # it has overwritten what was not read yet
                continue
            lines.append(record.split(";", 1)[-1].split("\n", 1)[0])
        first = next((i for i, line in enumerate(lines) if COMPLAINT.search(line)), len(lines))
        # A second WARN at another place sets no new bit, so the log counts too.
        failed = self.taint() & ~self.tainted & BROKEN != 0 or any(re.match(r"(WARNING|Oops|BUG): ", line) for line in lines)
        self.tainted = self.taint()
        return lines[first : first + MOST_LINES], failed

    def close(self):
        os.close(self.descriptor)


def run(line, request):
    """Runs a request to its end, or until another one comes."""
    log, begin = KernelLog(), time.monotonic()
    said = 0
    status = None
    try:
        child = subprocess.Popen(
            request["run"],
            env={**os.environ, **request.get("environment", {})},
            cwd=request.get("folder", "/"),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    except OSError as error:
        line.say(id=request["id"], text=f"{request['run'][0]}: {error.strerror}\n")
        line.say(id=request["id"], exit=127, seconds=0, kernel=[], kernel_failed=False)
        return
    output, deadline = child.stdout.fileno(), begin + request["timeout"]
    while True:
        readable = select.select([output, line.descriptor], [], [], max(0.0, deadline - time.monotonic()))[0]
        if line.descriptor in readable:
            line.read()
        if not readable or line.has_request():
            break
        if output in readable:
            text = os.read(output, 65536)
            if not text:
                # What still runs without its output is given the rest of its time.
                status = wait(child, deadline)
                break
            if said < MOST_OUTPUT:
                line.say(id=request["id"], text=text.decode(errors="replace"))
            said += len(text)
    if child.poll() is None:
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()
    child.stdout.close()
    kernel, failed = log.complaints()
    log.close()
    line.say(id=request["id"], exit=status, seconds=round(time.monotonic() - begin, 1), kernel=kernel, kernel_failed=failed)


def wait(child, deadline):
    try:
        return child.wait(max(0.0, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        return None


def main(path):
    line = Line(path)
    with open("/proc/uptime", encoding="ascii") as file:
        uptime = float(file.read().split()[0])
    line.say(id="hello", release=os.uname().release, seconds=uptime)
    while True:
        request = line.request()
        if request is None:
            continue
        if request.get("halt"):
            line.say(id=request["id"], exit=0, seconds=0, kernel=[], kernel_failed=False)
            return
        run(line, request)


if __name__ == "__main__":
    main(sys.argv[1])
