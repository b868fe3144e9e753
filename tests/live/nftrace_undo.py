# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What --nftrace changes it takes away again, however it ends: the tables at once, the loggers of a namespace with legacy tables at once
or, after SIGKILL, when synfate is started next.

  client eth0 ────── toclient router toserver ────── eth0 server
  10.61.1.2         10.61.1.1  ✗   10.61.2.1        10.61.2.2
"""

import os
import signal
import subprocess
import sys
import time

import tool
from expect import check, expect
from guests import IN_GUEST, unload
from lab import Skip
from scenario import main
from topology import routed

LOGGERS = ("/proc/sys/net/netfilter/nf_log/2", "/proc/sys/net/netfilter/nf_log/10")
LEDGERS = "/run/synfate"
# Each takes an emulated machine some ten seconds, and no kernel has a way to end a process of its own.
FATAL = [signal.SIGHUP, signal.SIGSEGV]
FATAL += [] if IN_GUEST else [signal.SIGQUIT, signal.SIGABRT, signal.SIGFPE, signal.SIGUSR1, signal.SIGALRM]
MOMENTS = 6 if IN_GUEST else 24


def with_rules(lab):
    routed(lab)
    lab.nft("router", "table ip lab { chain forward { type filter hook forward priority 0; tcp dport 81 drop; }; }")
    for tables in ("iptables-legacy", "ip6tables-legacy"):
        lab.iptables("router", tables, "-A FORWARD -p tcp --dport 80 -j DROP")


def state(lab):
    """All that synfate could have changed. `nft list` counts packets, and the lab sends some."""
    rules = {name: lab.run(name, "nft", "list", "ruleset") for name in lab.inodes}
    loggers = {name: lab.run(name, "cat", *LOGGERS) for name in lab.inodes}
    return rules, loggers, os.path.exists(LEDGERS)


def armed(lab):
    synfate = lab.synfate("trace", "--nftrace", "--netns", lab.inode("router"))
    check("synfate_trace_" in lab.run("router", "nft", "list", "tables"), "no table was added, so this shows nothing")
    check(lab.run("router", "cat", *LOGGERS).split() == ["nfnetlink_log"] * 2, "the loggers were not replaced, so this shows nothing")
    check(os.listdir(LEDGERS), "what was changed is noted nowhere")
    return synfate


def passive(lab):
    """Without --nftrace nothing is touched."""
    with_rules(lab)
    before = state(lab)
    synfate = lab.synfate("trace", "--netns", lab.inode("router"))
    check(state(lab) == before, f"{state(lab)}, before {before}")
    lab.connect("client", lab.v4(2, 2), 80, 0.3)
    row = synfate.expect_attempt({"flow": {"dport": 80}}, {"fate": "dropped"})
    check("rule_path" not in row, "a rule path that nobody asked for")
    synfate.stop()
    check(state(lab) == before, f"{state(lab)}, before {before}")


def no_nf_tables(lab):
    """Where nf_tables is not there it is not loaded: it says so and ends."""
    lab.netns("client")
    if IN_GUEST:
        # A test before this one may have loaded it.
        unload(lab, tool.Deadline(5), "nf_tables")
    with open("/proc/kallsyms", encoding="ascii") as symbols:
        if any(" nft_do_chain" in line for line in symbols):
            raise Skip("nf_tables is there")
    with open("/proc/modules", encoding="ascii") as modules:
        before = {line.split()[0] for line in modules}
    refused = tool.once("trace", "--nftrace", "--netns", lab.inode("client"), "--for", "100ms")
    check(refused.returncode == 2 and "no nf_tables" in refused.stderr, f"{refused.returncode}: {refused.stderr}")
    with open("/proc/modules", encoding="ascii") as modules:
        check({line.split()[0] for line in modules} == before, "a module was loaded")


def normal_ends(lab):
    with_rules(lab)
    before = state(lab)
    for number in (signal.SIGINT, signal.SIGTERM):
        synfate = armed(lab)
        synfate.stop(number)
        check(state(lab) == before, f"after {number.name}: {state(lab)}, before {before}")
    ended = tool.once("trace", "--nftrace", "--netns", lab.inode("router"), "--for", "300ms")
    check("added table" in ended.stderr, ended.stderr)
    check(state(lab) == before, f"after --for: {state(lab)}, before {before}")


def fatal_signals(lab):
    """Ends that run no destructor."""
    with_rules(lab)
    before = state(lab)
    for number in FATAL:
        synfate = armed(lab)
        synfate.process.send_signal(number)
        status = synfate.process.wait(10 * tool.PATIENCE)
        check(status == -number, f"{number.name} ended it with {status}")
        check(state(lab) == before, f"after {number.name}: {state(lab)}, before {before}")


def killed(lab):
    with_rules(lab)
    before = state(lab)
    synfate = armed(lab)
    synfate.kill()
    rules, loggers, _ = state(lab)
    check(rules == before[0], f"tables left: {rules}")
    check(loggers["router"].split() == ["nfnetlink_log"] * 2, f"the documented residue is not there: {loggers}")
    again = lab.synfate("trace", "--netns", lab.inode("client"))
    check(state(lab) == before, f"the next start left {state(lab)}, before {before}")
    mended = [line for line in again.stop().lines if line.get("code") == "nftrace_mended"]
    was = before[1]["router"].split()
    check(len(mended) == 2 and all(f"is {was[i]} again" in mended[i]["text"] for i in (0, 1)), f"not said: {mended}")


def killed_at_any_moment(lab):
    """Also while it arms and while it ends."""
    with_rules(lab)
    before = state(lab)
    arguments = [tool.binary(), "trace", "--nftrace", "--netns", str(lab.inode("router")), "--for", "100ms"]
    begin = time.monotonic()
    subprocess.run(arguments, check=False, capture_output=True)
    whole = time.monotonic() - begin
    for i in range(MOMENTS):
        victim = subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            victim.wait(whole * (i + 1) / MOMENTS)
        except subprocess.TimeoutExpired:
            victim.kill()
            victim.wait()
        check(state(lab)[0] == before[0], f"tables left after {i}: {state(lab)[0]}")
    lab.synfate("trace", "--netns", lab.inode("client")).stop()
    check(state(lab) == before, f"the next start left {state(lab)}, before {before}")


def mends_only_its_own(lab):
    """A logger that somebody else has set since, a namespace that is another one now, a synfate that is alive: all are left alone."""
    with_rules(lab)
    was = lab.run("router", "cat", *LOGGERS).split()
    armed(lab).kill()
    lab.sysctl("router", "net.netfilter.nf_log.2", "NONE")
    name = os.path.join(LEDGERS, os.listdir(LEDGERS)[0])
    with open(name, encoding="ascii") as ledger:
        text = ledger.read()
    with open(name, "w", encoding="ascii") as ledger:
        # Its cookie says which namespace it was; a number comes back.
        ledger.write("".join(cut_cookie(line) if "family 10" in line else line for line in text.splitlines(True)))
    lab.synfate("trace", "--netns", lab.inode("client")).stop()
    check(lab.run("router", "cat", *LOGGERS).split() == ["NONE", "nfnetlink_log"], "what is somebody else's was changed")
    check(not os.path.exists(LEDGERS), "the ledger is still there")
    lab.sysctl("router", "net.netfilter.nf_log.2", was[0])
    lab.sysctl("router", "net.netfilter.nf_log.10", was[1])
    alive = armed(lab)
    lab.synfate("trace", "--netns", lab.inode("client")).stop()
    check(lab.run("router", "cat", *LOGGERS).split() == ["nfnetlink_log"] * 2, "a living synfate's loggers were changed")
    alive.stop()


def cut_cookie(line):
    words = line.split(" ")
    words[3] = str(int(words[3]) + 1)
    return " ".join(words)


def flushed(lab):
    """Another's `nft flush ruleset` does not reach a table that has an owner; where it does, that is said and mended."""
    with_rules(lab)
    synfate = armed(lab)
    lab.run("router", "nft", "flush", "ruleset")
    lab.nft("router", "table ip again { chain forward { type filter hook forward priority 0; tcp dport 80 drop; }; }")
    deadline = tool.Deadline(10)
    while "synfate_trace_" not in lab.run("router", "nft", "list", "tables"):
        check(not deadline.passed(), "the table did not come back")
    lab.connect("client", lab.v4(2, 2), 80, 0.3)
    row = synfate.expect_attempt({"flow": {"dport": 80}}, {"fate": "dropped"})
    expect({"table": "again", "chain": "forward", "verdict": "drop"}, row["rule_path"][-1])
    synfate.stop()


READER = """
import socket, struct, sys
def message(kind, flags, body):
    return struct.pack("=IHHII", 16 + len(body), kind, flags, 1, 0) + body
def config(family, group, attribute):
    body = struct.pack(">BBH", family, 0, group) + attribute
    return message(4 << 8 | 1, 5, body)
s = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 12)
s.bind((0, 0))
s.send(config(0, 0, struct.pack("=HHB3x", 5, 1, 1)))
assert struct.unpack_from("=i", s.recv(4096), 16)[0] == 0
print("reading", flush=True)
sys.stdin.read(1)
"""


def others_read_the_log(lab):
    """Where somebody else has NFLOG group 0, nothing is changed in that namespace, and that is said."""
    with_rules(lab)
    before = state(lab)
    argv = ["nsenter", "--net=/run/netns/router", "--", sys.executable, "-c", READER]
    other = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    check(tool.read_line(other.stdout.fileno(), 10 * tool.PATIENCE) == "reading\n", "the other reader does not read")
    refused = tool.once("trace", "--nftrace", "--netns", lab.inode("router"), "--for", "1s")
    other.kill()
    other.wait()
    check(refused.returncode == 2 and "NFLOG group 0" in refused.stderr, f"{refused.returncode}: {refused.stderr}")
    check(state(lab) == before, f"{state(lab)}, before {before}")


def two_at_once(lab):
    """Two synfates trace in one namespace without legacy tables: both see the path."""
    routed(lab)
    lab.nft("router", "table ip lab { chain forward { type filter hook forward priority 0; tcp dport 80 drop; }; }")
    before = state(lab)
    both = [lab.synfate("trace", "--nftrace", "--netns", lab.inode("router")) for _ in range(2)]
    lab.connect("client", lab.v4(2, 2), 80, 0.3)
    for synfate in both:
        row = synfate.expect_attempt({"flow": {"dport": 80}}, {"fate": "dropped"})
        expect({"table": "lab", "chain": "forward", "verdict": "drop"}, row["rule_path"][-1])
    for synfate in both:
        synfate.stop()
    check(state(lab) == before, f"{state(lab)}, before {before}")


if __name__ == "__main__":
    ends = (normal_ends, fatal_signals, killed, killed_at_any_moment)
    main(61, __doc__, no_nf_tables, passive, *ends, mends_only_its_own, flushed, others_read_the_log, two_at_once)
