# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Rules that nobody of this project wrote: dumps of real nodes and of the engines' own test suites, loaded where this machine's tools can,
and hit by SYNs made from the addresses and ports in them. What synfate names is compared with what the kernel itself counted (iptables) or
traced (nft). The dumps are not part of the project: SYNFATE_DUMPS, or shared/dumps beside the source tree, else a skip.

  client eth0 ────── toclient router toserver ────── eth0 server
  10.83.1.2         10.83.1.1  ✗   10.83.2.1        and, by the default route, all addresses of a dump
"""

import collections
import ipaddress
import json
import os
import re
import subprocess
import sys

import tool
from expect import check
from lab import HERE, LabError, Skip
from scenario import main

MOST = 96
# A documentation address: no engine takes it for a pod's.
OUTSIDE = "198.51.100.7"
SECONDS = 0.3
SENDER = """
import json, select, socket, sys, time
open_sockets, sent = [], []
for source, destination, port in json.load(sys.stdin):
    s = socket.socket()
    s.setblocking(False)
    try:
        s.bind((source, 0))
        s.connect_ex((destination, port))
    except OSError:
        continue
    open_sockets.append(s)
    sent.append([*s.getsockname(), destination, port])
select.select([], [], [], float(sys.argv[1]))
print(json.dumps(sent))
"""


def directory():
    root = os.path.dirname(os.path.dirname(HERE))
    path = os.environ.get("SYNFATE_DUMPS", os.path.join(os.path.dirname(root), "shared", "dumps"))
    if not os.path.isdir(path):
        raise Skip(f"no dumps at {path}; name them in SYNFATE_DUMPS")
    return path


def read(name):
    path = os.path.join(directory(), name)
    if not os.path.exists(path):
        raise Skip(f"there is no {name} among the dumps")
    with open(path, encoding="utf-8") as file:
        return file.read()


def wire(lab, to_client, to_server, networks):
    """Devices of the router have the names that the dump's rules ask for."""
    lab.netns("client", "router", "server")
    lab.veth("client", "eth0", "router", to_client)
    lab.veth("router", to_server, "server", "eth0")
    lab.address("client", "eth0", lab.v4(1, 2))
    lab.address("router", to_client, lab.v4(1, 1))
    lab.address("router", to_server, lab.v4(2, 1), *networks)
    lab.address("server", "eth0", lab.v4(2, 2))
    lab.route("client", f"default via {lab.v4(1, 1)}")
    lab.route("router", f"default via {lab.v4(2, 2)}")
    lab.forwarding("router")
    for key in ("all", "default", to_client, to_server):
        lab.sysctl("router", f"net.ipv4.conf.{key}.rp_filter", 0)
    lab.settle()


def usable(address):
    one = ipaddress.ip_address(address)
    return not (one.is_loopback or one.is_multicast or one.is_unspecified or one.is_reserved or str(one).endswith((".0", ".255")))


def addresses(pattern, line):
    return [found for found in re.findall(pattern + r"(\d+\.\d+\.\d+\.\d+)(?:/32)?(?![\d/.])", line) if usable(found)]


def candidates(lab, text):
    """SYNs that the dump's rules speak of: those of rules that drop first."""
    sources, syns = [], []
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    lines.sort(key=lambda line: not re.search(r"\b(DROP|REJECT|drop|reject)\b", line))
    for line in lines:
        ports = [int(p) for p in re.findall(r"(?:--dport |dport |tcp \. )(\d+)", line)] or [80]
        froms = addresses(r"(?<!! )-s |(?<=saddr )", line) if "saddr" in line else addresses(r"(?<!! )-s ", line)
        if re.search(r"\b(DROP|REJECT|drop|reject)\b", line):
            sources += froms
        tos = addresses(r"(?<!! )-d ", line) if line.startswith("-A") else [a for a in addresses(r"", line) if a not in froms]
        for source in froms or [lab.v4(1, 2), OUTSIDE]:
            syns += [(source, to, port) for port in ports for to in tos or [lab.v4(2, 2), lab.v4(1, 1)]]
    sources = list(dict.fromkeys([OUTSIDE, *sources]))[: MOST // 2]
    here = {lab.v4(1, 2), *sources}
    syns = [syn for syn in dict.fromkeys(syns) if syn[0] in here and syn[1] not in here]
    return sources, syns[:MOST]


def send(lab, syns):
    """(source, its port, destination, its port) of the SYNs that could be sent."""
    argv = ["nsenter", "--net=/run/netns/client", "--", sys.executable, "-I", "-S", "-c", SENDER, str(SECONDS)]
    done = subprocess.run(argv, input=json.dumps(syns), capture_output=True, text=True, check=False, timeout=60 * tool.PATIENCE)
    if done.returncode != 0:
        raise LabError(f"the sender: {done.stderr}")
    return {tuple(sent) for sent in json.loads(done.stdout)}


def flow_of(row):
    return tuple(row["flow"][key] for key in ("src", "sport", "dst", "dport"))


def counted(lab, program):
    """{(table, chain, number): packets} of the rules that drop or reject, number 0 for a policy, as iptables counts."""
    packets, table, numbers = {}, "", collections.Counter()
    for line in lab.run("router", program + "-save", "-c").splitlines():
        if line.startswith("*"):
            table, numbers = line[1:], collections.Counter()
        elif policy := re.match(r":(\S+) DROP \[(\d+):", line):
            packets[table, policy[1], 0] = int(policy[2])
        elif rule := re.match(r"\[(\d+):\d+\] -A (\S+) (.*)", line):
            numbers[rule[2]] += 1
            if re.search(r"-j (DROP|REJECT)\b", rule[3]):
                packets[table, rule[2], numbers[rule[2]]] = int(rule[1])
    return packets


class Trace:
    """nft's own tracing of every SYN from the client; the table that asks for it is the lab's."""

    def __init__(self, lab):
        lab.nft("router", "table inet oracle { chain c { type filter hook prerouting priority -400; tcp flags syn / syn,ack meta nftrace set 1; }; }")
        argv = ["nsenter", "--net=/run/netns/router", "--", "nft", "monitor", "trace"]
        self.process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        self.flows, self.dropped = {}, {}

    def until(self, flows):
        """{flow: (family, table, chain, text of the rule, or None for a policy)} of those that were dropped."""
        deadline = tool.Deadline(15)
        while not flows <= set(self.dropped):
            line = tool.read_line(self.process.stdout.fileno(), 1)
            check(not deadline.passed(), f"the kernel's trace does not tell who dropped {flows - set(self.dropped)}")
            if packet := re.match(r"trace id (\w+) .* packet: .*ip saddr (\S+) ip daddr (\S+) .*tcp sport (\d+) tcp dport (\d+)", line):
                self.flows.setdefault(packet[1], (packet[2], int(packet[4]), packet[3], int(packet[5])))
            elif rule := re.match(r"trace id (\w+) (\w+) (\S+) (\S+) rule (.*) \(verdict drop\)$", line):
                self.note(rule[1], (rule[2], rule[3], rule[4], rule[5]))
            elif policy := re.match(r"trace id (\w+) (\w+) (\S+) (\S+) policy drop", line):
                self.note(policy[1], (policy[2], policy[3], policy[4], None))
        return self.dropped

    def note(self, number, verdict):
        self.dropped[self.flows[number]] = verdict

    def stop(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


def without_counters(text):
    return re.sub(r"counter packets \d+ bytes \d+", "counter", text)


def compare_with_counters(rows, before, after):
    moved = {key: after[key] - before.get(key, 0) for key in after if after[key] != before.get(key, 0)}
    named = collections.Counter()
    for row in rows:
        rule = row["where"]["rule"]
        named[rule["table"], rule["chain"], 0 if rule["policy"] else rule["number"]] += row["syns"]
    check(dict(named) == moved, f"synfate names {dict(named)}, the kernel counted {moved}")


def compare_with_trace(rows, dropped):
    for row in rows:
        rule = row["where"]["rule"]
        family, table, chain, text = dropped[flow_of(row)]
        said = (rule["family"], rule["table"], rule["chain"], None if rule["policy"] else without_counters(rule["text"]))
        check(said == (family, table, chain, text and without_counters(text)), f"synfate names {said}, the kernel's trace {dropped[flow_of(row)]}")


def dropped_rows(lines):
    return {line["id"] for line in lines if line.get("type") == "attempt" and (line["where"] or {}).get("reason") == "NETFILTER_DROP"}


def known_of(lab, synfate, program, before):
    """The counters now, when synfate has told of all that they say: from then on it watches the tables."""
    after = counted(lab, program)
    drops = sum(after[key] - before.get(key, 0) for key in after)
    if drops:
        synfate.wait_for(lambda _line: len(dropped_rows(synfate.lines)) >= drops, 10, f"{drops} rows about the first round")
    return after


def hit(lab, name, backend, text, devices=("toclient", "toserver"), networks=(), harmless=False):
    """Every drop of the second round is named, and is the kernel's; the first has tables of iptables-legacy watched."""
    wire(lab, *devices, networks)
    loader = ["nft", "-f", "-"] if backend == "nft" else [backend + "-restore"]
    lab.run("router", *loader, stdin=text)
    sources, syns = candidates(lab, text)
    for source in sources:
        lab.address("client", "eth0", source + "/32")
        lab.route("router", f"{source}/32 via {lab.v4(1, 2)}")
    trace = Trace(lab) if backend == "nft" else None
    synfate = lab.synfate("trace", "--netns", lab.inode("router"))
    before = {} if trace else counted(lab, backend)
    send(lab, syns)
    if not trace:
        before = known_of(lab, synfate, backend, before)
    flows = send(lab, syns)
    after = {} if trace else counted(lab, backend)
    done = synfate.stop()
    rows = [row for row in done.attempts() if flow_of(row) in flows and (row["where"] or {}).get("reason") == "NETFILTER_DROP"]
    check(bool(rows) != harmless, f"{len(rows)} of {len(syns)} SYNs are said to be dropped by its rules")
    unnamed = [row["where"] for row in rows if row["where"]["rule"]["how"] is None or row["where"]["rule_gap"] or not row["where"]["rule"]["text"]]
    check(not unnamed, f"{len(unnamed)} of {len(rows)} without rule or text: {json.dumps(unnamed[0]) if unnamed else ''}")
    wrong = {row["where"]["rule"]["backend"] for row in rows} - {backend}
    check(not wrong, f"backends {wrong}")
    if trace:
        compare_with_trace(rows, trace.until({flow_of(row) for row in rows}))
        trace.stop()
    else:
        compare_with_counters(rows, before, after)
    if harmless:
        print(f"{name} by {backend}: {len(syns)} SYNs, no rule drops one, none is named")
        return
    rules = {(r["table"], r["chain"], r["number"]) for r in (row["where"]["rule"] for row in rows)}
    elements = {r["element"] for r in (row["where"]["rule"] for row in rows) if r.get("element")}
    print(f"{name} by {backend}: {len(syns)} SYNs, {len(rows)} dropped, named: {len(rules)} rules, {len(elements)} elements")


def iptables(dump, mend=lambda text: text, **options):
    def scenario(backend):
        def run(lab):
            text = mend(read(dump))
            # Sets are no matter of iptables' own, and their tool is often not there.
            hit(lab, dump, backend, "\n".join(line for line in text.split("\n") if "--match-set" not in line), **options)

        run.__name__ = re.sub(r"\W", "_", dump.split(".")[0]) + "_" + backend.replace("iptables-", "")
        return run

    return [scenario("iptables-legacy"), scenario("iptables-nft")]


def nft(dump, mend=lambda text: text, **options):
    def run(lab):
        hit(lab, dump, "nft", mend(read(dump)), **options)

    run.__name__ = re.sub(r"\W", "_", dump.split(".")[0])
    return [run]


def denying(text):
    """As kube-router writes it for pods that a policy is about: the chain for all others does not mark what comes to them as admitted."""
    return "\n".join(line for line in text.split("\n") if not re.search(r"-d \S+ .* -j KUBE-NWPLCY-DEFAULT", line))


def without_bad_macs(text):
    """Made anonymous with MAC addresses that are none."""
    return "\n".join(line for line in text.split("\n") if "--mac-source" not in line)


def older_priorities(text):
    """nft before 1.0.8 takes this name on fewer hooks."""
    return text.replace("hook output priority dstnat", "hook output priority -100")


DOCKER = {"devices": ("toclient", "br-dummy"), "networks": ("192.168.0.1/24",)}
CALICO = {"devices": ("cali0", "toserver")}

if __name__ == "__main__":
    main(
        83,
        __doc__,
        *iptables("k3s-1.30-kube-router-rpi-0.iptables", denying),
        *iptables("kube-proxy-golden-restorable.iptables"),
        *iptables("docker-iptabler-hairpin-nat.iptables", **DOCKER),
        *iptables("docker-iptabler-icc0-nat.iptables", **DOCKER),
        *iptables("calico-felix-fv-cali-iptables-dump.txt", **CALICO),
        *iptables("semantics-gopherproxy-ufw.iptables"),
        *iptables("semantics-tum-net-4900-rules.iptables", without_bad_macs),
        *iptables("antrea-restore-0.iptables", harmless=True),
        *iptables("host-nft-save-conntrack-0.iptables", harmless=True),
        *iptables("istio-pod-netns-0.iptables", harmless=True),
        *nft("kube-proxy-nft-golden-ordered.nft"),
        *nft("docker-nftabler-icc0-nat.nft", older_priorities, **DOCKER),
        *nft("docker-nftabler-nat.nft", older_priorities, **DOCKER),
        *nft("calico-felix-fv-cali-nftables-dump.txt", **CALICO),
        *nft("istio-sidecar-drop-invalid.nft", harmless=True),
    )
