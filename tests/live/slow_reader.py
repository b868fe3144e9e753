# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Nobody reads what synfate prints, for a while or ever: a full pipe, a stopped terminal, a full disk, a pager that is quit. The kernel's ring
is drained all the same, verdicts are as they would be, and what was not printed is counted.

  client eth0 ────── eth0 server
  10.140.1.2       ✗ 10.140.1.3:80 and :82 to :88 dropped; :81 nobody listens
"""

import fcntl
import json
import os
import pty
import select
import signal
import struct
import subprocess
import termios

import sandbox
import tool
from expect import check, expect
from narrow_terminal import read_terminal
from scenario import main
from topology import pair

RECORDING = "/run/slow.synfate"
F_SETPIPE_SZ = 1031
BURSTS, BURST = 8, 500
# One each: so many rows of one destination would be folded.
PORTS = [80, *range(82, 82 + BURSTS - 1)]
RECORD, DROP = 2, 3
CTRL_C, CTRL_Q, CTRL_S = b"\x03", b"\x11", b"\x13"


class Recorded:
    """How many drops are in the growing recording: what synfate has read of the ring, whoever reads its output."""

    def __init__(self):
        self.file, self.at, self.drops, self.rest = open(RECORDING, "rb"), len(b"synfate recording\n"), 0, b""
        self.file.seek(self.at)

    def count(self):
        self.rest += self.file.read()
        at = 0
        while at + 8 <= len(self.rest):
            kind, length = struct.unpack_from("<II", self.rest, at)
            if at + 8 + length > len(self.rest):
                break
            self.drops += kind == RECORD and struct.unpack_from("=H", self.rest, at + 8)[0] == DROP
            at += 8 + length
        self.rest = self.rest[at:]
        return self.drops


def build(lab):
    if os.path.exists(RECORDING):
        os.unlink(RECORDING)  # of a scenario before; a recording never overwrites
    pair(lab)
    lab.nft("server", "table ip lab { chain input { type filter hook input priority 0; tcp dport { 80, 82-88 } drop; }; }")
    # No ARP during a burst: its queue holds only some packets.
    lab.neighbours("client", "eth0", "server", "eth0", lab.v4(1, 3))


def small_pipe():
    reading, writing = os.pipe()
    fcntl.fcntl(writing, F_SETPIPE_SZ, 4096)
    return reading, writing


def bursts(lab, recorded):
    """Each begins when the one before has been read: the ring never has more than one."""
    sent = 0
    for burst in range(BURSTS):
        flows = [f"{10000 + number}:{PORTS[burst]}:{1_000_000 + number}" for number in range(burst * BURST, (burst + 1) * BURST)]
        sender = lab.agent("client", "syns", lab.v4(1, 2), lab.v4(1, 3), *flows)
        sender.report()
        sender.process.stdin.write(b"\n")
        sender.process.stdin.flush()
        sent += sender.report(30)["sent"]
        lab.wait_until(lambda: recorded.count() >= sent, f"only {recorded.drops} drops of {sent} were read while nobody read the output", 30)
    return sent


class Reader:
    """Of whole lines, each of which has to come in time."""

    def __init__(self, reading):
        self.reading, self.rest, self.lines = reading, b"", []

    def more(self):
        """False once everybody has closed the other end."""
        check(bool(select.select([self.reading], [], [], 20 * tool.PATIENCE)[0]), f"nothing more came after {len(self.lines)} lines")
        part = os.read(self.reading, 1 << 20)
        *whole, self.rest = (self.rest + part).split(b"\n")
        self.lines += [json.loads(line) for line in whole]
        return bool(part)

    def until(self, accepts):
        seen = 0
        while not (found := [line for line in self.lines[seen:] if accepts(line)]):
            seen = len(self.lines)
            check(self.more(), "it ended too early")
        return found[0]

    def rest_of_it(self):
        while self.more():
            pass
        os.close(self.reading)
        return self.lines


def unread_pipe(lab):
    """4000 attempts fail while nobody reads: more rows than the pipe and the queue hold. The reader comes back, is told where how many are missing,
    and rows come again."""
    build(lab)
    reading, writing = small_pipe()
    # All of them are to be told: the limits on floods are live.flood's.
    synfate = lab.synfate("trace", "--without", "gate", "--netns", lab.inode("client"), stdout=writing, recording=RECORDING)
    os.close(writing)
    sent = bursts(lab, Recorded())
    reader = Reader(reading)
    reader.until(lambda line: line.get("code") == "rows_unprinted")
    lab.connect("client", lab.v4(1, 3), 81, 2)
    after = reader.until(lambda line: line["type"] == "attempt" and line["flow"]["dport"] == 81)
    expect({"fate": "refused", "cause": "no_listener", "confidence": "exact"}, after)
    synfate.process.send_signal(signal.SIGTERM)
    lines = reader.rest_of_it()
    done = synfate.finish()
    summary = lines[-1]
    expect({"type": "summary", "attempts": {"dropped": sent, "refused": 1}, "events": {"lost": 0}}, summary)
    dropped = {line["flow"]["sport"]: line for line in lines if line["type"] == "attempt" and line["flow"]["dport"] != 81}
    for row in dropped.values():
        expect({"fate": "dropped", "cause": "netfilter_drop", "confidence": "exact", "where": {"netns": lab.inode("server")}}, row)
    # Whoever had no room is told when there is more news of it; the rest is counted, to the last one.
    gaps = [gap["text"] for gap in summary["gaps"] if gap["code"] == "rows_unprinted"]
    missing = sent - len(dropped)
    check([text.split()[0] for text in gaps] == ([str(missing)] if missing else []), f"{missing} of {sent} have no row, and: {gaps}")
    # Of so many open attempts some were forgotten for newer ones as well.
    check(done.status == 3, f"exit status {done.status}, {missing} have no row")


def holds_bpf(tgid):
    for name in os.listdir(f"/proc/{tgid}/fd"):
        try:
            if "bpf" in os.readlink(f"/proc/{tgid}/fd/{name}"):
                return True
        except FileNotFoundError:  # it was closed meanwhile
            pass
    return False


def ends_unread(lab):
    """Ctrl-C while the pipe is full: tracing is over at once; the rest waits for the reader, until a second Ctrl-C."""
    build(lab)
    reading, writing = small_pipe()
    # All of them are to be told: the limits on floods are live.flood's.
    synfate = lab.synfate("trace", "--without", "gate", "--netns", lab.inode("client"), stdout=writing, recording=RECORDING)
    os.close(writing)
    recorded = Recorded()
    tgid = synfate.process.pid
    check(holds_bpf(tgid), "it holds no BPF program, so this shows nothing")
    sender = lab.agent("client", "syns", lab.v4(1, 2), lab.v4(1, 3), *[f"{10000 + n}:80:{1_000_000 + n}" for n in range(20)])
    sender.report()
    sender.process.stdin.write(b"\n")
    sender.process.stdin.flush()
    lab.wait_until(lambda: recorded.count() >= 20, "the drops were not read")
    synfate.process.send_signal(signal.SIGINT)
    lab.wait_until(lambda: not holds_bpf(tgid), "it still traces")
    check(synfate.process.poll() is None, "it did not wait for its reader")
    synfate.process.send_signal(signal.SIGINT)
    done = synfate.finish()
    os.close(reading)
    check(done.status == 3 and "was not read to its end" in done.stderr, f"exit status {done.status}: {done.stderr}")


def stopped_terminal(lab):
    """^S: no row, and all are there after ^Q. Then ^S and ^C, which ends it as ever."""
    build(lab)
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 25, 200, 0, 0))
    options = {"stdout": theirs, "json_lines": False, "recording": RECORDING}
    # The terminal is its controlling one, so that ^C reaches it.
    synfate = lab.synfate("trace", "--netns", lab.inode("client"), prefix=["setsid", "--ctty", "--wait"], stdin=theirs, **options)
    os.close(theirs)
    os.write(ours, CTRL_S)
    recorded = Recorded()
    for number in range(3):
        lab.connect("client", lab.v4(1, 3), 80, 0.2, sport=20000 + number)
    lab.wait_until(lambda: recorded.count() >= 3, "the drops were not read while the terminal was stopped")
    lab.connect("client", lab.v4(1, 3), 81, 2)
    os.write(ours, CTRL_Q)
    text = read_terminal(ours, b":81", 10)
    check(text.count(b"DROPPED") == 3 and b"REFUSED" in text, f"after ^Q: {text.decode()}")
    os.write(ours, CTRL_S)
    lab.connect("client", lab.v4(1, 3), 80, 0.2, sport=20003)
    os.write(ours, CTRL_C)
    text += read_terminal(ours, None, 10)
    done = synfate.finish()
    os.close(ours)
    check(done.status == 0 and b"4 dropped, 1 refused" in text, f"exit status {done.status}: {text.decode()}")


def pager_quit(lab):
    """The reader goes, and no row comes that could find it out."""
    build(lab)
    reading, writing = os.pipe()
    synfate = lab.synfate("trace", "--netns", lab.inode("client"), stdout=writing)
    os.close(writing)
    os.close(reading)
    done = synfate.finish()
    check(done.status == 0 and done.stderr == "", f"exit status {done.status}: {done.stderr!r}")


def full_disk(lab):
    """Standard output in a file, and no space: it ends, and says why."""
    build(lab)
    sandbox.mount_small("/run/small", 16384)
    with open("/run/small/out", "wb") as file:
        synfate = lab.synfate("trace", "--netns", lab.inode("client"), stdout=file.fileno())
    sender = lab.agent("client", "syns", lab.v4(1, 2), lab.v4(1, 3), *[f"{10000 + n}:80:{1_000_000 + n}" for n in range(30)])
    sender.report()
    sender.process.stdin.write(b"\n")
    sender.process.stdin.flush()
    done = synfate.finish()
    check(done.status == 3 and "No space left" in done.stderr, f"exit status {done.status}: {done.stderr}")
    check(len(done.stderr.splitlines()) <= 3, done.stderr)


def closed(lab):
    """No standard output at all: not a descriptor of its own is written to instead."""
    lab.netns("client")
    argv = ["sh", "-c", 'exec "$0" "$@" >&-', tool.binary(), "trace", "--netns", str(lab.inode("client")), "--for", "200ms"]
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=20 * tool.PATIENCE)
    check(done.returncode == 3 and "standard output" in done.stderr, f"exit status {done.returncode}: {done.stderr}")


if __name__ == "__main__":
    main(140, __doc__, unread_pipe, ends_unread, stopped_terminal, pager_quit, full_disk, closed)
