# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""synfate as a user runs it: started, awaited by --ready-fd, read line by line, stopped by a signal. It never looks inside the binary."""

import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import threading
import time

from expect import Mismatch, check, expect, matches

# A slow machine (an emulated one) multiplies every deadline; a deadline is never what a test measures.
PATIENCE = float(os.environ.get("SYNFATE_TEST_PATIENCE", "1"))


def binary():
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    path = os.environ.get("SYNFATE", os.path.join(root, "build", "synfate"))
    if not os.access(path, os.X_OK):
        sys.exit(f"no synfate at {path}: build it, or name it in the environment variable SYNFATE")
    return path


class Deadline:
    """Says when to stop waiting; never what is measured."""

    def __init__(self, seconds):
        self.end = time.monotonic() + seconds * PATIENCE

    def passed(self):
        return time.monotonic() > self.end


def read_line(descriptor, timeout):
    """One line from a descriptor, without reading beyond it; shorter where it ended or the time ran out."""
    deadline = time.monotonic() + timeout
    line = b""
    while not line.endswith(b"\n"):
        if not select.select([descriptor], [], [], max(0.0, deadline - time.monotonic()))[0]:
            break
        byte = os.read(descriptor, 1)
        if not byte:
            break
        line += byte
    return line.decode(errors="replace")


def once(*arguments, timeout=20, **options):
    """Runs synfate to its end with nothing on stdin; the CompletedProcess, text."""
    argv, deadline = [binary(), *map(str, arguments)], timeout * PATIENCE
    return subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=deadline, **options)


class Finished:
    """How a run ended, and all that it said."""

    def __init__(self, status, lines, stderr):
        self.status, self.lines, self.stderr = status, lines, stderr
        self.summary = lines[-1] if lines and lines[-1].get("type") == "summary" else None

    def attempts(self, partial=None):
        """The last revision of each attempt, in order of appearance, of those that match."""
        last = {}
        for line in self.lines:
            if line.get("type") == "attempt":
                last[line["id"]] = line
        return [attempt for attempt in last.values() if partial is None or matches(partial, attempt)]


class Synfate:
    """`synfate trace|run ... --json --ready-fd N`; `command` follows `--`."""

    def __init__(self, lab, arguments, command=(), json_lines=True, stdout=None, prefix=(), recording=None, environment=None, stdin=None):
        self.lab, self.lines, self.text = lab, [], []
        self.changed = threading.Condition()
        ready_read, ready_write = os.pipe()
        argv = [*prefix, binary(), *arguments, "--ready-fd", str(ready_write)]
        argv += ["--json"] if json_lines else []
        recording = recording or self.golden_recording()
        argv += ["--record", recording] if recording else []
        argv += ["--", *map(str, command)] if command else []
        self.argv = argv
        self.stderr_file = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL if stdin is None else stdin,
            stdout=subprocess.PIPE if stdout is None else stdout,
            stderr=self.stderr_file,
            pass_fds=[ready_write],
            env=environment,
        )
        os.close(ready_write)
        self.ready_fd = ready_read
        self.reader = None
        if stdout is None:
            self.reader = threading.Thread(target=self._read, args=(json_lines,), daemon=True)
            self.reader.start()

    def golden_recording(self):
        """tests/golden/record.py asks for the recording of a scenario's first trace."""
        directory = os.environ.get("SYNFATE_TEST_RECORD")
        if not directory or self.lab.tools:
            return None
        case = os.path.join(directory, self.lab.name.replace(".", "-"))
        os.makedirs(case, exist_ok=True)
        return os.path.join(case, "recording.synfate")

    def _read(self, json_lines):
        for raw in self.process.stdout:
            text = raw.decode(errors="replace").rstrip("\n")
            with self.changed:
                self.text.append(text)
                if json_lines:
                    try:
                        self.lines.append(json.loads(raw.decode()))
                    except ValueError as error:
                        self.lines.append({"type": "not JSON", "text": text, "error": str(error)})
                self.changed.notify_all()
        with self.changed:
            self.changed.notify_all()

    def wait_ready(self, timeout=15):
        line = read_line(self.ready_fd, timeout * PATIENCE)
        os.close(self.ready_fd)
        if line != "\n":
            # It closed the descriptor: let it end, so that what it says about it can be shown.
            try:
                self.process.wait(2)
            except subprocess.TimeoutExpired:
                pass
            raise Mismatch(f"not armed: {line!r} on --ready-fd, exit status {self.process.poll()}\n{self.stderr()}")

    def stderr(self):
        self.stderr_file.seek(0)
        return self.stderr_file.read().decode(errors="replace")

    def ours(self, attempt):
        """Of this lab: other tests, and the machine itself, may be connecting at the same time."""
        inodes = set(self.lab.inodes.values()) | self.lab.nested
        return attempt["client"]["netns"] in inodes or (attempt["where"] or {}).get("netns") in inodes

    def wait_for(self, accepts, timeout, words):
        """The first line that is accepted, those already here included."""
        deadline = time.monotonic() + timeout * PATIENCE
        seen = 0
        with self.changed:
            while True:
                for line in self.lines[seen:]:
                    if accepts(line):
                        return line
                seen = len(self.lines)
                left = deadline - time.monotonic()
                if left <= 0 or (self.reader and not self.reader.is_alive()):
                    raise Mismatch(f"no such line in {timeout} s: {words}")
                self.changed.wait(min(left, 1.0))

    def wait_attempt(self, partial, timeout=5):
        """The first row of this lab that matches `partial` (a partial object, see expect.py)."""
        return self.wait_for(
            lambda line: line.get("type") == "attempt" and self.ours(line) and matches(partial, line), timeout, f"attempt {partial}"
        )

    def wait_text(self, part, timeout=5):
        """Until a line of text has that in it."""
        deadline = time.monotonic() + timeout * PATIENCE
        with self.changed:
            while not any(part in line for line in self.text):
                if time.monotonic() > deadline:
                    raise Mismatch(f"no line with {part!r} in {timeout} s")
                self.changed.wait(0.5)

    def expect_attempt(self, who, partial, timeout=5):
        """Awaits the attempt that matches `who` and is decided as `partial` says; else shows where its last revision differs."""
        try:
            return self.wait_attempt({**who, **partial}, timeout)
        except Mismatch as late:
            failure = late
        with self.changed:
            rows = [line for line in self.lines if line.get("type") == "attempt" and self.ours(line) and matches(who, line)]
        if rows:
            expect(partial, rows[-1])
        raise failure

    def finish(self, timeout=10):
        """Waits for its end; what it all said."""
        try:
            status = self.process.wait(timeout * PATIENCE)
        except subprocess.TimeoutExpired as late:
            raise Mismatch(f"still running {timeout} s after it should have ended") from late
        if self.reader:
            self.reader.join(5)
        return Finished(status, self.lines, self.stderr())

    def stop(self, number=signal.SIGINT, lossless=True):
        """Ends a trace as Ctrl-C does, and checks what holds for every trace: a summary at the end, nothing lost, a clean exit."""
        self.process.send_signal(number)
        done = self.finish()
        check(done.summary is not None, "the last line is not a summary")
        expect({"v": 1, **({"events": {"lost": 0}} if lossless else {})}, done.summary)
        check(not [line for line in done.lines if line["type"] == "not JSON"], "stdout is not JSON lines only")
        if done.attempts() and lossless:
            check(done.status == 0, f"exit status {done.status} after attempts were decided\n{done.stderr}")
        return done

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        if self.reader:
            self.reader.join(5)

    def explain(self):
        print("$ " + " ".join(self.argv) + f"   (exit status {self.process.poll()})", file=sys.stderr)
        with self.changed:
            for line in self.text:
                print("  " + line, file=sys.stderr)
        print("stderr:\n" + self.stderr(), file=sys.stderr)
