# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""synfate demo: its rows name what its lab was built for, and nothing of the lab is left: after its end, after Ctrl-C, after SIGKILL.

  client ── cni0 ── node ── cni1 ──┬── web    :8080        all of it synfate's own
  10.42.0.10         │             ├── db     :5432
                     │             └── cache  :6379
                     └─ backup0 ─────────┘
"""

import ctypes
import fcntl
import json
import os
import re
import signal
import subprocess

import tool
from expect import any_of, check, expect
from scenario import main
from usual import named_rule

MS_REC, MS_SHARED = 0x4000, 1 << 20
# Two rows are more than the smallest pipe holds: a demo whose reader has stopped reading is in the middle.
SMALLEST_PIPE = 4096

POLICY = "policy db-is-private"
DROPS = f'ip saddr 10.42.0.0/24 ip daddr 10.42.1.30 tcp dport 5432 drop comment "{POLICY}"'
FORWARD = {"stage": "forward", "device": "cni0", **named_rule(DROPS, "policies", number=2, comment=POLICY)}

# What the lab makes happen, in the order of the steps: (asked for, part of the row).
TRUTH = (
    ("10.96.0.10", 80, {"fate": "established", "cause": "established", "nat": {"dst": "10.42.1.20", "dport": 8080}}),
    ("10.42.1.30", 5432, {"fate": "dropped", "cause": "netfilter_drop", "packet": "syn", "where": FORWARD}),
    ("10.96.0.20", 80, {"fate": "refused", "cause": "no_listener", "packet": "syn", "nat": {"dst": "10.42.1.20", "dport": 9090}}),
    ("10.42.9.9", 8080, {"fate": "dropped", "cause": "route_blackhole", "packet": "syn", "where": {"stage": "route_in"}}),
    ("10.42.1.40", 6379, {"fate": "dropped", "cause": "rp_filter", "packet": "synack", "where": {"device": "backup0"}}),
)


def make_leaks_seen():
    """Everything that a demo mounted without privacy would show here."""
    libc = ctypes.CDLL(None, use_errno=True)
    check(libc.mount(None, b"/", None, ctypes.c_ulong(MS_REC | MS_SHARED), None) == 0, f"mount: errno {ctypes.get_errno()}")


def world(lab):
    """Whatever a demo could leave behind."""
    with open("/proc/self/mountinfo", encoding="utf-8") as mounts:
        mounted = mounts.read()
    links = [link["ifname"] for link in json.loads(lab.command("ip", "-j", "link", "show")) if link]
    settings = {}
    for key in ("ipv4/ip_forward", "ipv4/conf/all/rp_filter", "ipv4/conf/default/rp_filter", "ipv4/conf/all/arp_announce"):
        with open(f"/proc/sys/net/{key}", encoding="ascii") as file:
            settings[key] = file.read()
    return {
        "processes": {int(entry) for entry in os.listdir("/proc") if entry.isdigit()},
        "names": os.listdir("/run/netns"),
        "run": sorted(os.listdir("/run")),
        "mounts": mounted,
        "links": [name for name in links if re.match("cni|veth-|backup|eth1", name)],
        "tables": lab.command("nft", "list", "tables"),
        "settings": settings,
    }


def check_nothing_left(lab, before):
    deadline = tool.Deadline(10)
    while True:
        after = world(lab)
        # A process of the step before may end meanwhile; only what is new was left behind.
        after["processes"] = before["processes"] | after["processes"]
        if after == before or deadline.passed():
            break
    for what, state in after.items():
        check(state == before[what], f"left behind, {what}: {state}\nbefore: {before[what]}")


def start(*arguments):
    """A demo that stops in the middle until it is read."""
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, SMALLEST_PIPE)
    process = subprocess.Popen([tool.binary(), "demo", *arguments], stdin=subprocess.DEVNULL, stdout=writer, stderr=subprocess.PIPE, text=True)
    os.close(writer)
    return process, os.fdopen(reader, "rb", buffering=0)


def children_of(tgid):
    with open(f"/proc/{tgid}/task/{tgid}/children", encoding="ascii") as file:
        return [int(child) for child in file.read().split()]


def rows(lab):
    make_leaks_seen()
    before = world(lab)
    done = tool.once("demo", "--json", timeout=60)
    check(done.returncode == 0, f"exit {done.returncode}: {done.stderr}")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    expect({"type": "summary", "events": {"lost": 0}}, lines[-1])
    attempts = [line for line in lines if line["type"] == "attempt"]
    check(len(attempts) == len(TRUTH), f"{len(attempts)} rows")
    for (address, port, partial), row in zip(TRUTH, attempts):
        expect({"revision": 1, "flow": {"src": "10.42.0.10", "dst": address, "dport": port}, "confidence": any_of("exact", "strong")}, row)
        expect(partial, row)
    node, web = attempts[1]["where"]["netns"], attempts[2]["where"]["netns"]
    check(node != web and all(attempts[i]["where"]["netns"] == node for i in (3, 4)), "not all on the node that should be")
    check_nothing_left(lab, before)


def told(_lab):
    done = tool.once("demo", timeout=60)
    check(done.returncode == 0 and done.stderr == "", f"exit {done.returncode}: {done.stderr}")
    said = done.stdout
    for number, word in enumerate(("ESTABLISHED", "by a rule ", "nobody listens on 10.42.1.20:9090", "blackhole route", "rp_filter on"), 1):
        found = re.search(rf"^{number}\. client connects.*?(?=^{number + 1}\. |\Z)", said, re.M | re.S)
        check(found and re.search(word, found.group()), f"{word} is not said in step {number}:\n{said}")
    for name in ("veth-client@node", "eth0@web", "backup0@node"):
        check(name in said, f"{name} is not named:\n{said}")
    check("All five are as set up. The lab is gone" in said.splitlines()[-2], f"the last words are others:\n{said}")


def interrupted(lab):
    for number in (signal.SIGINT, signal.SIGTERM):
        before = world(lab)
        process, output = start("--json")
        first = json.loads(tool.read_line(output.fileno(), 20 * tool.PATIENCE))
        process.send_signal(number)
        lines = [first, *map(json.loads, output.read().splitlines())]
        output.close()
        said = process.communicate(timeout=20 * tool.PATIENCE)[1]
        check(process.returncode == 130, f"exit {process.returncode} after signal {number}: {said}")
        check("interrupted" in said.splitlines()[-1], f"said {said}")
        expect({"type": "summary"}, lines[-1])
        check(len(lines) <= len(TRUTH), "it went on to its end, so this shows nothing")
        check_nothing_left(lab, before)


def not_as_set_up(lab):
    """Somebody ends the cache's server in the middle: the row is true, the demo's claim is not, and it says so."""
    before = world(lab)
    process, output = start("--json")
    lines = [json.loads(tool.read_line(output.fileno(), 20 * tool.PATIENCE))]
    listening = []
    for child in children_of(process.pid):
        try:
            with open(f"/proc/{child}/net/tcp", encoding="ascii") as sockets:
                if f":{6379:04X} 00000000:0000 0A" in sockets.read():
                    listening.append(child)
        except OSError:
            # The child that calibrates lives for some milliseconds only.
            continue
    check(len(listening) == 1, f"the cache's server is {listening}")
    os.kill(listening[0], signal.SIGKILL)
    lines += map(json.loads, output.read().splitlines())
    output.close()
    said = process.communicate(timeout=20 * tool.PATIENCE)[1]
    check(process.returncode == 3, f"exit {process.returncode}: {said}")
    expect({"fate": "refused", "cause": "no_listener"}, lines[-2])
    check("step 5 was set up as rp_filter of the synack in node, and the row says no_listener of the syn" in said, f"said {said}")
    check("All five" not in said, f"said {said}")
    check_nothing_left(lab, before)


def killed_while_showing(lab):
    make_leaks_seen()
    before = world(lab)
    process, output = start("--json")
    check(tool.read_line(output.fileno(), 20 * tool.PATIENCE).startswith("{"), "no row")
    namespaces = set()
    for child in children_of(process.pid):
        try:
            namespaces.add(os.stat(f"/proc/{child}/ns/net").st_ino)
        except OSError:
            # As above.
            continue
    # One more while synfate calibrates itself.
    check(len(namespaces) in (4, 5), f"the lab's processes are in {namespaces}, so this shows nothing")
    process.kill()
    process.communicate()
    # Every process of the lab holds the other end.
    output.read()
    output.close()
    check_nothing_left(lab, before)


def killed_while_building(lab):
    """After so many children were seen: commands that build, or already the lab's own processes."""
    for wanted in (1, 3, 5):
        before = world(lab)
        process, output = start("--json")
        seen, deadline = set(), tool.Deadline(10)
        while len(seen) < wanted and not deadline.passed():
            seen.update(children_of(process.pid))
        check(len(seen) >= wanted, f"{len(seen)} children were seen, so this shows nothing")
        process.kill()
        process.communicate()
        output.close()
        check_nothing_left(lab, before)


def nobody_reads(lab):
    before = world(lab)
    process, output = start()
    tool.read_line(output.fileno(), 20 * tool.PATIENCE)
    output.close()
    said = process.communicate(timeout=20 * tool.PATIENCE)[1]
    check(said == "" and process.returncode in (0, -signal.SIGPIPE), f"exit {process.returncode}: {said}")
    check_nothing_left(lab, before)


def without_a_tool(lab):
    """The commands that build the lab, one at a time, are not there."""
    # mount(8) makes it.
    os.makedirs("/run/mount", exist_ok=True)
    for command, package in (("ip", "iproute2"), ("nft", "nftables")):
        paths = " ".join(f"{folder}/{command}" for folder in ("/usr/sbin", "/usr/bin", "/sbin", "/bin"))
        hide = f'for at in {paths}; do [ -e "$at" ] && mount --bind /dev/null "$(readlink -f "$at")"; done; exec "$0" demo'
        before = world(lab)
        done = subprocess.run(["unshare", "-m", "sh", "-c", hide, tool.binary()], capture_output=True, text=True, check=False, timeout=60)
        check(done.returncode == 2 and done.stdout == "", f"exit {done.returncode}: {done.stdout}")
        check(f"there is no {command} command" in done.stderr and package in done.stderr, f"said {done.stderr}")
        check_nothing_left(lab, before)


if __name__ == "__main__":
    main(40, __doc__, rows, told, interrupted, not_as_set_up, killed_while_showing, killed_while_building, nobody_reads, without_a_tool)
