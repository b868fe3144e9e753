# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Talks to a guest that is up, over its second serial port. It knows nothing of what is run there, nor of how the guest came to be."""

import json
import os
import select
import socket
import time


class GuestError(Exception):
    """The guest cannot be talked to; the text has its last words."""


def short(folder, name):
    """A name for a socket in a folder whose own path may be longer than socket addresses are: (descriptor to hold, path)."""
    descriptor = os.open(folder, os.O_PATH | os.O_DIRECTORY)
    return descriptor, f"/proc/self/fd/{descriptor}/{name}"


def last_words(folder, lines=80):
    """The end of what the guest's console and the emulator said."""
    said = []
    for name in ("emulator.log", "console.log"):
        try:
            with open(os.path.join(folder, name), "rb") as file:
                text = file.read().decode(errors="replace")
        except FileNotFoundError:
            continue
        said += ["".join(c for c in line if c.isprintable()) for line in text.splitlines()][-lines:]
    return "\n  ".join(["its console's last lines:"] + [line for line in said if line.strip() and "waiting for connection" not in line])


class Talk:
    """A connection to a guest; it takes one at a time."""

    def __init__(self, folder):
        self.folder, self.buffer = folder, b""
        self.socket = socket.socket(socket.AF_UNIX)
        descriptor, path = short(folder, "serial")
        try:
            self.socket.connect(path)
        except OSError as error:
            self.socket.close()
            raise GuestError(f"the guest is not running ({error.strerror}); {last_words(folder)}") from error
        finally:
            os.close(descriptor)

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def ask(self, **request):
        try:
            # The newline before it ends what another may have left unfinished.
            self.socket.sendall(b"\n" + json.dumps(request).encode() + b"\n")
        except OSError as error:
            raise GuestError(f"the guest has ended; {last_words(self.folder)}") from error

    def answer(self, number, seconds):
        """The next answer to a request; None where none comes in time."""
        deadline = time.monotonic() + seconds
        while True:
            while b"\n" in self.buffer:
                line, self.buffer = self.buffer.split(b"\n", 1)
                try:
                    said = json.loads(line)
                except ValueError:  # the rest of an answer to somebody who has gone
                    continue
                if isinstance(said, dict) and said.get("id") == number:
                    return said
            if not select.select([self.socket], [], [], max(0.0, deadline - time.monotonic()))[0]:
                return None
            try:
                part = self.socket.recv(65536)
            except ConnectionError:
                part = b""
            if not part:
                raise GuestError(f"the guest has ended; {last_words(self.folder)}")
            self.buffer += part


def run(folder, argv, environment, seconds, show, directory="/"):
    """Runs a command in a guest, hands its output to show(text) as it comes, and returns the last answer. A guest that says nothing is ended."""
    number = f"{os.getpid()}-{time.monotonic_ns()}"
    with Talk(folder) as talk:
        talk.ask(id=number, run=argv, environment=environment, folder=directory, timeout=seconds)
        deadline = time.monotonic() + seconds + 60
        while True:
            said = talk.answer(number, deadline - time.monotonic())
            if said is None:
                end(folder)
                raise GuestError(f"the guest said nothing for {seconds + 60:.0f} s and was ended; {last_words(folder)}")
            if "text" not in said:
                return said
            show(said["text"])


def end(folder):
    """Ends the emulator, whatever the guest is doing; returns when it is gone."""
    with socket.socket(socket.AF_UNIX) as one:
        descriptor, path = short(folder, "quit")
        try:
            one.connect(path)
            # The keeper closes it when the emulator has gone.
            one.recv(1)
        except OSError:
            pass
        finally:
            os.close(descriptor)
