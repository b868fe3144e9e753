# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""kill -9 at random moments, while it arms, learns the kernel's frames, watches a table and reads rules: nothing of it is left, in no
namespace of the lab and not in the machine's own. With --nftrace one residue is documented, and the next start mends it.
It looks at rules of the machine itself, so no other test may run at the same time. SYNFATE_TEST_SEED repeats a run.

  client eth0 ────── toclient router toserver ────── eth0 server
  10.82.1.2         10.82.1.1  ✗   10.82.2.1        10.82.2.2
"""

import json
import os
import random
import re
import signal
import subprocess

import tool
from expect import check
from guests import IN_GUEST
from scenario import main
from topology import routed

TIMES = 2 if IN_GUEST else 9
LOGGERS = "/proc/sys/net/netfilter/nf_log"
MINE = ("synfate", "iptables", "ip6tables", "xtables", "nft")


def seeded():
    seed = os.environ.get("SYNFATE_TEST_SEED") or str(random.SystemRandom().randrange(1 << 32))
    print(f"SYNFATE_TEST_SEED={seed}", flush=True)
    return random.Random(seed)


def with_rules(lab):
    """Port 80 dies by iptables-legacy, port 81 by nft, IPv6 by ip6tables-legacy; enough rules for their reading to take a moment."""
    routed(lab)
    others = [f"-A FORWARD -s 192.168.{n // 250}.{n % 250}/32 -p udp -j DROP" for n in range(3000)]
    last = "-A FORWARD -p tcp -m tcp --dport 80 -j DROP"
    for program in ("iptables-legacy-restore", "ip6tables-legacy-restore"):
        rules = others if program.startswith("ipt") else []
        lab.run("router", program, stdin="\n".join(["*filter", ":FORWARD ACCEPT [0:0]", *rules, last, "COMMIT", ""]))
    many = "; ".join(f"ip saddr 192.168.{n // 250}.{n % 250} drop" for n in range(3000))
    lab.nft("router", f"table ip lab {{ chain forward {{ type filter hook forward priority 5; {many}; tcp dport 81 drop; }}; }}")


def holdings(tgid):
    """The BPF objects that a process holds; others' come and go."""
    found = set()
    for name in os.listdir(f"/proc/{tgid}/fdinfo"):
        try:
            with open(f"/proc/{tgid}/fdinfo/{name}", encoding="ascii", errors="replace") as file:
                fields = dict(line.split(":", 1) for line in file.read().splitlines() if ":" in line)
        except FileNotFoundError:  # a file that it was reading; what it holds in the kernel stays open
            continue
        found |= {(kind, int(fields[field])) for kind, field in (("prog", "prog_id"), ("map", "map_id"), ("link", "link_id")) if field in fields}
    return found


def in_kernel():
    found = set()
    for kind in ("prog", "map", "link"):
        listed = subprocess.run(["bpftool", "-j", kind, "list"], capture_output=True, text=True, check=True).stdout
        found |= {(kind, each["id"]) for each in json.loads(listed)}
    return found


def pinned():
    return [os.path.join(at, name) for at, _, names in os.walk("/sys/fs/bpf") for name in names]


def of_namespace(run):
    """All of a namespace that synfate could have changed. Chains of iptables-legacy are printed with counters, and packets come."""
    saved = run("sh", "-c", "iptables-legacy-save; ip6tables-legacy-save")
    saved = [re.sub(r"\[\d+:\d+\]", "", line) for line in saved.splitlines() if not line.startswith("#")]
    loggers = run("sh", "-c", f"grep -r . {LOGGERS} 2>/dev/null || true")
    return {"nft": run("nft", "list", "ruleset"), "iptables-legacy": saved, "nf_log": sorted(loggers.splitlines())}


def configuration(lab):
    here = {name: of_namespace(lambda *argv, name=name: lab.run(name, *argv)) for name in lab.inodes}
    here["(the machine's own)"] = of_namespace(lab.command)
    here["qdiscs"] = {name: lab.run(name, "tc", "qdisc", "show") for name in lab.inodes}
    return here


def processes():
    """Of this test's own process namespace, where nobody buries the dead: a reader of rules may outlive the one who asked, a moment."""
    names = []
    for tgid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{tgid}/stat", encoding="ascii", errors="replace") as stat:
                name, state = stat.read().partition("(")[2].rpartition(")")[::2]
        except OSError:
            continue
        if name.startswith(MINE) and state.split()[0] != "Z":
            names.append(name)
    return names


def first_difference(before, after, at=""):
    if isinstance(before, dict):
        return next((found for key in before if (found := first_difference(before[key], after.get(key), f"{at} {key}"))), "")
    return "" if before == after else f"{at}: {after}\nbefore: {before}"[:4000]


def unchanged(lab, before, words):
    found = first_difference(before, configuration(lab))
    check(not found, f"{words}: left behind:{found}")


def freed(held, words):
    """The kernel frees programs some time after the last descriptor is closed."""
    deadline = tool.Deadline(20)
    while (left := in_kernel() & held) or processes():
        check(not deadline.passed(), f"{words}: left: {sorted(left)} {processes()}")


class Victim:
    def __init__(self, lab, *arguments):
        self.held = set()
        self.ready, write = os.pipe()
        argv = [tool.binary(), "trace", "--json", "--netns", str(lab.inode("router")), "--ready-fd", str(write), *arguments]
        self.process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, pass_fds=[write])
        os.close(write)

    def armed(self):
        check(tool.read_line(self.ready, 30 * tool.PATIENCE) == "\n", "it was not armed")

    def rows(self, count):
        while count > 0:
            line = tool.read_line(self.process.stdout.fileno(), 10 * tool.PATIENCE)
            check(line.endswith("\n"), "no row came")
            count -= json.loads(line)["type"] == "attempt"

    def kill_after(self, seconds):
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            # It stands still while its descriptors are looked at, and never goes on.
            self.process.send_signal(signal.SIGSTOP)
            os.waitid(os.P_PID, self.process.pid, os.WSTOPPED | os.WNOWAIT)
            self.held = holdings(self.process.pid)
            self.process.send_signal(signal.SIGKILL)
        status = self.process.wait(10 * tool.PATIENCE)
        check(status == -signal.SIGKILL, f"it had ended by itself, with {status}")
        os.close(self.ready)
        self.process.stdout.close()


def time_to_arm(lab, *arguments):
    victim = Victim(lab, *arguments)
    begin = tool.time.monotonic()
    victim.armed()
    took = tool.time.monotonic() - begin
    victim.kill_after(0)
    return took


def connecting(lab, seconds):
    return [lab.connecting("client", address, port, seconds) for address, port in ((lab.v4(2, 2), 80), (lab.v4(2, 2), 81), (lab.v6(2, 2), 80))]


def again(lab, kill, *arguments):
    """TIMES kills at moments that `kill` chooses; after each, everything is as before."""
    generator = seeded()
    with_rules(lab)
    before, pins = configuration(lab), pinned()
    span = time_to_arm(lab, *arguments)
    for turn in range(TIMES):
        share = generator.random()
        victim = Victim(lab, *arguments)
        words = kill(lab, victim, share, span)
        freed(victim.held, f"turn {turn}, {words}")
        if not arguments:
            unchanged(lab, before, f"turn {turn}, {words}")
        else:
            tables = {name: lab.run(name, "nft", "list", "ruleset") for name in lab.inodes}
            check(tables == {name: before[name]["nft"] for name in tables}, f"turn {turn}, {words}: tables left: {tables}")
    if arguments:
        lab.synfate("trace", "--netns", lab.inode("client")).stop()
    unchanged(lab, before, "in the end")
    check(pinned() == pins, f"left pinned: {pinned()}")


def while_arming(lab, victim, share, span):
    # A little beyond, since no two starts take the same time.
    victim.kill_after(1.1 * span * share)
    return f"killed {1.1 * span * share:.3f} s after its start"


def while_reading(lab, victim, share, _span):
    """The first drops make it read tables, list rules and watch the table of iptables-legacy."""
    victim.armed()
    clients = connecting(lab, 0.3)
    victim.kill_after(0.15 * share)
    for client in clients:
        client.outcome(10)
    return f"killed {0.15 * share:.3f} s after the first drops"


def while_watching(lab, victim, share, _span):
    """All three rows are there, so both tables are watched; until the retransmitted SYNs were compared, about a second later."""
    victim.armed()
    clients = connecting(lab, 1.2)
    victim.rows(3)
    victim.kill_after(1.1 * share)
    for client in clients:
        client.outcome(10)
    return f"killed {1.1 * share:.3f} s after it watched"


def arming(lab):
    again(lab, while_arming)


def reading(lab):
    again(lab, while_reading)


def watching(lab):
    again(lab, while_watching)


def watch_is_there(lab):
    """What the others rely on: a watch is a BPF link in the kernel, and goes with the process."""
    with_rules(lab)
    before = configuration(lab)
    victim = Victim(lab)
    victim.armed()
    armed = holdings(victim.process.pid)
    clients = connecting(lab, 0.3)
    victim.rows(3)
    unchanged(lab, before, "while it watches")
    victim.kill_after(0)
    for client in clients:
        client.outcome(10)
    links = [each for each in victim.held - armed if each[0] == "link"]
    check(armed, "no BPF program was loaded, so this shows nothing")
    check(victim.held - armed, "no table was watched, so this shows nothing")
    print(f"held in the kernel: {len(victim.held)}; links that came with watched tables: {len(links)}")
    freed(victim.held, "a watch")
    unchanged(lab, before, "a watch")


def nftrace_arming(lab):
    again(lab, while_arming, "--nftrace")


def nftrace_reading(lab):
    again(lab, while_reading, "--nftrace")


if __name__ == "__main__":
    main(82, __doc__, watch_is_there, arming, reading, watching, nftrace_arming, nftrace_reading)
