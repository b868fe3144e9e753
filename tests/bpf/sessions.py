# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Sessions of synfate that are looked at from outside: what they hold in the kernel. It runs no test."""

import os
import signal
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "live"))
import tool  # noqa: E402

KINDS = {"prog": "prog_id", "map": "map_id", "link": "link_id"}


def need_root():
    if os.geteuid() != 0:
        sys.exit("the BPF tests need root")


class Session:
    """A running `synfate ...`, armed."""

    def __init__(self, *arguments, command=()):
        ready_read, ready_write = os.pipe()
        argv = [tool.binary(), *arguments, "--ready-fd", str(ready_write), *(["--", *command] if command else [])]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(argv, stdin=pipe, stdout=pipe, stderr=pipe, pass_fds=[ready_write], text=True)
        os.close(ready_write)
        armed = tool.read_line(ready_read, 15 * tool.PATIENCE)
        os.close(ready_read)
        if armed != "\n":
            self.process.kill()
            raise AssertionError(f"{' '.join(argv)} is not armed: {self.process.communicate()[1]}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.communicate()

    def holds(self):
        """{"prog": ids, "map": ids, "link": ids} of its descriptors: other sessions on this machine do not matter."""
        found = {kind: set() for kind in KINDS}
        directory = f"/proc/{self.process.pid}/fdinfo"
        for name in os.listdir(directory):
            try:
                with open(os.path.join(directory, name), encoding="ascii", errors="replace") as file:
                    fields = dict(line.split(":", 1) for line in file.read().splitlines() if ":" in line)
            except FileNotFoundError:  # a file that it read meanwhile; what it holds in the kernel stays open
                continue
            for kind, field in KINDS.items():
                # A link's descriptor names its program too.
                if field in fields and (kind == "link" or "link_id" not in fields):
                    found[kind].add(int(fields[field]))
        return found

    def end(self, number=signal.SIGINT):
        """(status, stdout, stderr)"""
        if self.process.poll() is None:
            self.process.send_signal(number)
        out, err = self.process.communicate(timeout=20 * tool.PATIENCE)
        return self.process.returncode, out, err
