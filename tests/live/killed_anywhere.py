# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""kill -9 at random moments of trace, run, probe, demo and --nftrace, with an audit of the machine before and after: BPF objects and pins, rules and
loggers, sysctls, mounts, network namespaces with and without names, processes, files. What rules_killed.py does in depth for the reading of
rules, this does in breadth. It looks at the machine itself, so no other test may run at the same time. SYNFATE_TEST_SEED repeats a run;
SYNFATE_TEST_KILLS makes it longer.

  client eth0 ────── toclient router toserver ────── eth0 server
  10.144.1.2        10.144.1.1  ✗   10.144.2.1       10.144.2.2
"""

import os
import signal
import subprocess
import sys

import agent
import inside
import tool
from expect import check
from guests import IN_GUEST
from rules_killed import first_difference, freed, holdings, of_namespace, pinned, seeded
from scenario import main
from topology import routed

KILLS = int(os.environ.get("SYNFATE_TEST_KILLS", "1" if IN_GUEST else "6"))
# They count what happens, and nobody sets them.
VOLATILE = ("nf_conntrack_count", "stable_secret")
LOGGERS = "nf_log"


def with_rules(lab):
    routed(lab)
    lab.nft("router", "table ip lab { chain forward { type filter hook forward priority 0; tcp dport 81 drop; }; }")
    lab.iptables("router", "iptables-legacy", "-A FORWARD -p tcp --dport 80 -j DROP")


def sysctls(path):
    """All below net, which is the namespace's own."""
    found = {}
    with inside.entered(path):
        for at, _, names in os.walk("/proc/sys/net"):
            for name in names:
                if name in VOLATILE:
                    continue
                try:
                    with open(os.path.join(at, name), encoding="ascii", errors="replace") as file:
                        found[os.path.join(at, name)] = file.read()
                except OSError:  # some may only be written, some have no value yet
                    continue
    return found


def namespaces():
    """Every network namespace that a process is in, or holds open, or that has a name."""
    found = set()
    for tgid in filter(str.isdigit, os.listdir("/proc")):
        try:
            links = [f"/proc/{tgid}/ns/net"] + [f"/proc/{tgid}/fd/{name}" for name in os.listdir(f"/proc/{tgid}/fd")]
        except OSError:
            continue
        for link in links:
            try:
                target = os.readlink(link)
            except OSError:
                continue
            if target.startswith("net:["):
                found.add(target)
    return sorted(found | {f"net:[{os.stat(entry.path).st_ino}]" for entry in os.scandir("/run/netns")})


def files():
    """Where a program may leave any. What others leave there meanwhile has other names; /run is the test's own."""
    found = [os.path.join(at, name) for at, _, names in os.walk("/run") for name in names]
    for directory in ("/tmp", "/var/tmp", "/dev/shm"):
        found += [entry.path for entry in os.scandir(directory) if "synfate" in entry.name or entry.name.startswith(("nft", "iptables", "xtables"))]
    return sorted(found)


def mounts():
    with open("/proc/self/mountinfo", encoding="utf-8") as file:
        return file.read()


def qdiscs(lab):
    return {name: lab.run(name, "tc", "qdisc", "show") for name in lab.inodes}


def audit(lab):
    seen = {f"rules of {name}": of_namespace(lambda *argv, name=name: lab.run(name, *argv)) for name in lab.inodes}
    seen["rules of the machine"] = of_namespace(lab.command)
    seen.update({f"sysctls of {name}": sysctls(lab.path(name)) for name in lab.inodes})
    seen["sysctls of the machine"] = sysctls("/proc/self/ns/net")
    seen.update(mounts=mounts(), namespaces=namespaces(), files=files(), pins=pinned(), qdiscs=qdiscs(lab))
    return seen


def without_loggers(seen):
    """The one residue that is documented: loggers of namespaces with legacy tables, and the note of what they were, after --nftrace."""
    kept = {key: value for key, value in seen.items() if key != "files"}
    for key, value in kept.items():
        if key.startswith("rules"):
            kept[key] = {what: text for what, text in value.items() if what != "nf_log"}
        if key.startswith("sysctls"):
            kept[key] = {name: text for name, text in value.items() if LOGGERS not in name}
    return kept


def gone(lab, held, words):
    """Programs, processes and namespaces go some time after the process."""
    freed(held, words)
    deadline = tool.Deadline(20)
    while left := [name for name in commands() if name.startswith(("synfate", "demo-"))]:
        check(not deadline.passed(), f"{words}: processes left: {left}")


def commands():
    names = []
    for tgid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{tgid}/stat", encoding="ascii", errors="replace") as file:
                name, state = file.read().partition("(")[2].rpartition(")")[::2]
        except OSError:
            continue
        # Nobody buries the dead in this test's own process namespace.
        if state.split()[0] != "Z":
            names.append(name)
    return names


def killed_after(seconds, argv):
    """Started, and killed after that time with all that it holds known; what it held, or None where it had ended before."""
    process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        process.wait(seconds)
        return None
    except subprocess.TimeoutExpired:
        pass
    # It stands still while its descriptors are looked at, and never goes on.
    process.send_signal(signal.SIGSTOP)
    os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
    if process.poll() is not None:
        return None
    held = holdings(process.pid)
    process.send_signal(signal.SIGKILL)
    process.wait(10 * tool.PATIENCE)
    return held


def times_killed(lab, longest, *arguments, mends=False):
    """KILLS times, at random moments of `longest` seconds; the audit in the end finds whatever stayed of any."""
    generator = seeded()
    argv = [tool.binary(), *map(str, arguments)]
    clients = [lab.connecting("client", lab.v4(2, 2), port, 30) for port in (80, 81, 82)]
    before = audit(lab)
    held, kills = set(), 0
    for turn in range(KILLS):
        # One of each part of the time, so that few kills reach all of it.
        seconds = longest * (turn + generator.random()) / KILLS
        of_this_one = killed_after(seconds, argv)
        kills += of_this_one is not None
        held |= of_this_one or set()
        if mends:
            # The next start would take away what this one left of its tables.
            tables = {name: lab.run(name, "nft", "list", "ruleset") for name in lab.inodes}
            check(tables == {name: before[f"rules of {name}"]["nft"] for name in tables}, f"killed after {seconds:.3f} s: tables left: {tables}")
    check(kills > 0, "it always ended by itself, so this shows nothing")
    gone(lab, held, f"{kills} killed")
    after = audit(lab)
    found = first_difference(without_loggers(before), without_loggers(after)) if mends else first_difference(before, after)
    check(not found, f"{kills} killed, the last after {seconds:.3f} s: left behind:{found}")
    for client in clients:
        # They would wait longer than anybody here.
        client.process.kill()
        client.close()
        lab.agents.remove(client)
    return before


def trace(lab):
    """From its first instruction over the calibration to its verdicts: two of the attempts send their SYNs again meanwhile."""
    with_rules(lab)
    times_killed(lab, 0.6, "trace", "--all")


def run(lab):
    """Its command is the user's, and goes on as it would under strace; this one ends by itself."""
    with_rules(lab)
    client = [sys.executable, "-I", "-S", agent.__file__, "connect", lab.v4(2, 2), "81", "0.3", "0", ""]
    inside_client = ["nsenter", f"--net={lab.path('client')}", "--", *client]
    times_killed(lab, 0.5, "run", "--", *inside_client)


def probe(lab):
    with_rules(lab)
    to = f"{lab.v4(2, 2)}:80"
    times_killed(lab, 0.8, "probe", "--from", "netns:" + lab.path("client"), "--to", to, "--count", 3, "--timeout", "300ms")


def demo(lab):
    with_rules(lab)
    times_killed(lab, 2.0, "demo")


def nftrace(lab):
    """Its tables go with it; what stays of loggers is put back by the next start."""
    with_rules(lab)
    before = times_killed(lab, 0.5, "trace", "--nftrace", "--netns", lab.inode("router"), mends=True)
    lab.synfate("trace", "--netns", lab.inode("client")).stop()
    found = first_difference(before, audit(lab))
    check(not found, f"after the next start: left behind:{found}")


if __name__ == "__main__":
    main(144, __doc__, trace, run, probe, demo, nftrace)
