# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What synfate gives up before it watches, that everything works all the same, and that a user's command is given up nothing.

  client eth0 ────── toclient router toserver ────── eth0 server      a pair late, server of another name, made afterwards
  10.150.1.2         10.150.1.1  ✗  10.150.2.1        10.150.2.2
"""

import os
import shutil
import signal
import socket
import stat
import subprocess
import sys

import tool
from expect import check, expect
from scenario import main
from topology import pair, routed
from usual import AT_ONCE, BY_COUNTERS, NFT_DROPS_IN, TWO_SYNS, has_netfilter_links, traces_listeners

# linux/capability.h
CAPABILITIES = {
    "DAC_READ_SEARCH": 2,
    "KILL": 5,
    "NET_ADMIN": 12,
    "NET_RAW": 13,
    "SYS_CHROOT": 18,
    "SYS_PTRACE": 19,
    "SYS_ADMIN": 21,
    "PERFMON": 38,
    "BPF": 39,
}
WATCHING = sum(1 << number for name, number in CAPABILITIES.items() if name != "KILL")
FILTERED = "2"
NOBODY = ("setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups")
MARKER = b"SYNFATE-PAYLOAD-MARKER-7f3a"


def ours(lab):
    """Other tests make attempts at the same time."""
    return ("--host", f"{lab.v4(0, 0)}/16")


def anew(*paths):
    """In an emulated machine a scenario may be tried twice."""
    for path in paths:
        if os.path.isdir(path):
            shutil.rmtree(path)
        elif os.path.lexists(path):
            os.unlink(path)


def fields(text):
    """Of a /proc/PID/status."""
    return {name: value.strip() for name, _, value in (line.partition(":") for line in text.splitlines())}


def status_of(tgid):
    with open(f"/proc/{tgid}/status", encoding="utf-8") as file:
        return fields(file.read())


def check_confined(status, capabilities):
    for name in ("CapPrm", "CapEff", "CapBnd"):
        check(int(status[name], 16) == capabilities, f"{name} is {status[name]}, not {capabilities:016x}")
    for name in ("CapInh", "CapAmb"):
        check(int(status[name], 16) & ~capabilities == 0, f"{name} is {status[name]}")
    check(status["NoNewPrivs"] == "1" and status["Seccomp"] == FILTERED, f"NoNewPrivs {status['NoNewPrivs']}, Seccomp {status['Seccomp']}")


def given_up(lab):
    """A namespace, a rule of nf_tables and one of iptables-legacy that are all made once the privileges are gone. Their modules are there before:
    modules_later has the others."""
    lab.netns("lone")
    lab.nft("lone", "table ip other { chain forward { type filter hook forward priority 0; tcp dport 9 drop; }; }")
    lab.iptables("lone", "iptables-legacy", "-A FORWARD -p tcp --dport 9 -j DROP")
    synfate = lab.synfate("trace", "--all", *ours(lab))
    check_confined(status_of(synfate.process.pid), WATCHING)
    check(os.stat(f"/proc/{synfate.process.pid}/fd").st_uid == 0, "the process can be dumped")
    routed(lab)
    lab.listener("server", lab.v4(2, 2), 80)
    lab.connect("client", lab.v4(2, 2), 80)
    synfate.wait_attempt({"fate": "established", "server": {"netns": lab.inode("server")}})
    lab.nft("router", "table ip lab { chain forward { type filter hook forward priority 0; tcp dport 81 drop; }; }")
    lab.connect("client", lab.v4(2, 2), 81)
    rule = {"table": "lab", "chain": "forward", "number": 1, "text": "tcp dport 81 drop", "how": AT_ONCE}
    synfate.expect_attempt({"flow": {"dport": 81}}, {"cause": "netfilter_drop", "where": {"function": NFT_DROPS_IN, "rule": rule}})
    if has_netfilter_links() or traces_listeners():
        lab.iptables("router", "iptables-legacy", "-A FORWARD -p tcp --dport 82 -j DROP")
        lab.connect("client", lab.v4(2, 2), 82, TWO_SYNS)
        rule = {"backend": "iptables-legacy", "chain": "FORWARD", "number": 1, "text": "-A FORWARD -p tcp -m tcp --dport 82 -j DROP", "how": BY_COUNTERS}
        synfate.expect_attempt({"flow": {"dport": 82}}, {"cause": "netfilter_drop", "where": {"rule": rule}})
    lab.connect("client", lab.v4(2, 2), 83)
    synfate.expect_attempt({"flow": {"dport": 83}}, {"fate": "refused", "cause": "no_listener"})
    done = synfate.stop()
    check(not [line for line in done.lines if line.get("code") == "not_confined"], f"not confined: {done.lines}")


def not_the_commands(lab):
    """The command of `run` has what it would have without synfate; a setuid program in it works."""
    lab.netns("lone")
    helper = shutil.copy("/usr/bin/id", "/run/setuid-id")
    os.chmod(helper, 0o4755)
    script = f"cat /proc/self/status >/run/own; cat /proc/$PPID/status >/run/parents; {' '.join(NOBODY)} {helper} -u >/run/uid"
    done = lab.synfate("run", command=["sh", "-c", script]).finish(30)
    check(done.status == 0, f"exit {done.status}: {done.stderr}")
    own, mine = (fields(open(path, encoding="utf-8").read()) for path in ("/run/own", "/proc/self/status"))
    for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs", "Seccomp"):
        check(own[name] == mine[name], f"{name} of the command is {own[name]}, not {mine[name]}")
    with open("/run/parents", encoding="utf-8") as parents:
        check_confined(fields(parents.read()), WATCHING | 1 << CAPABILITIES["KILL"])
    with open("/run/uid", encoding="ascii") as uid:
        check(uid.read() == "0\n", "a setuid program is not what it should be")


def ends_anothers_command(lab):
    """SIGTERM is passed on to a command that has become another user."""
    lab.netns("lone")
    anew("/run/started")
    os.mkfifo("/run/started")
    os.chmod("/run/started", 0o666)
    here = os.open("/run/started", os.O_RDWR)
    synfate = lab.synfate("run", command=[*NOBODY, "sh", "-c", "echo >/run/started; exec sleep 60"])
    check(tool.read_line(here, 10 * tool.PATIENCE) == "\n", "the command was not started")
    synfate.process.send_signal(signal.SIGTERM)
    check(synfate.finish().status == 128 + signal.SIGTERM, "the command did not end of it")


def others_tools(lab):
    """Programs of the names that synfate runs, where a search by PATH or from the working directory would find them first."""
    anew("/run/fake", "/run/fake-ran")
    os.mkdir("/run/fake")
    for name in ("nft", "iptables-save", "ip6tables-save", "iptables-nft-save", "iptables-legacy-save", "ip", "modprobe", "sh"):
        path = f"/run/fake/{name}"
        with open(path, "w", encoding="ascii") as file:
            file.write("#!/bin/sh\n/usr/bin/env >>/run/fake-ran\n")
        os.chmod(path, 0o755)
    routed(lab)
    lab.iptables("router", "iptables-nft", "-A FORWARD -p tcp --dport 81 -m comment --comment mine -j DROP")
    lab.iptables("router", "iptables-legacy", "-A FORWARD -p tcp --dport 82 -j DROP")
    environment = {**os.environ, "PATH": "/run/fake"}
    synfate = lab.synfate("trace", *ours(lab), prefix=["/usr/bin/env", "-C", "/run/fake"], environment=environment)
    lab.connect("client", lab.v4(2, 2), 81)
    synfate.expect_attempt({"flow": {"dport": 81}}, {"cause": "netfilter_drop", "where": {"rule": {"comment": "mine"}}})
    lab.connect("client", lab.v4(2, 2), 82, TWO_SYNS)
    synfate.wait_attempt({"flow": {"dport": 82}, "cause": "netfilter_drop"})
    synfate.stop()
    check(not os.path.exists("/run/fake-ran"), "another's program was run")


def recordings(lab):
    """Only the user's own to read, whatever the umask; never through a link, never over a file, another's in a sticky directory included."""
    anew("/run/sticky")
    os.mkdir("/run/sticky")
    os.chmod("/run/sticky", 0o1777)
    with open("/run/sticky/others", "w", encoding="ascii") as file:
        file.write("mine")
    os.chown("/run/sticky/others", 65534, 65534)
    os.chmod("/run/sticky/others", 0o666)
    os.symlink("/run/sticky/others", "/run/sticky/link")
    os.symlink("/run/sticky/nothing", "/run/sticky/nowhere")
    for name in ("others", "link", "nowhere"):
        done = tool.once("trace", "--for", "100ms", "--record", f"/run/sticky/{name}")
        check(done.returncode == 1 and "exists already" in done.stderr, f"{name}: exit {done.returncode}: {done.stderr}")
    with open("/run/sticky/others", encoding="ascii") as file:
        check(file.read() == "mine" and not os.path.lexists("/run/sticky/nothing"), "what was there was touched")
    lab.netns("lone")
    before = os.umask(0)
    try:
        done = tool.once("trace", "--for", "100ms", "--netns", lab.inode("lone"), "--record", "/run/sticky/new")
    finally:
        os.umask(before)
    check(done.returncode in (0, 3), f"exit {done.returncode}: {done.stderr}")
    kept = os.stat("/run/sticky/new")
    check(stat.S_IMODE(kept.st_mode) == 0o600, f"mode {kept.st_mode:o}")


SENDER = """
import socket, sys
address, how, marker = sys.argv[1:]
client = socket.socket()
client.settimeout(0.3)
try:
    if how == "syn":
        client.sendto(marker.encode(), socket.MSG_FASTOPEN, (address, 80))
    else:
        client.connect((address, 80))
        client.send(marker.encode())
    client.recv(8)
    client.recv(8)
except OSError:
    pass
client.close()
"""


def markers_sent(lab, arm, drop):
    """In a SYN, in the packet behind it that carries the final ACK, delivered and dropped: nowhere in what is kept or said. `drop` makes the rule
    once all has been delivered, `arm` starts the trace."""
    pair(lab)
    for netns in ("client", "server"):
        lab.sysctl(netns, "net.ipv4.tcp_fastopen", 0x607)
    lab.listener("server", lab.v4(1, 3), 80)
    send = [sys.executable, "-I", "-S", "-c", SENDER, lab.v4(1, 3)]
    recording = "/run/payload.synfate"
    anew(recording)
    synfate = arm(recording)
    lab.run("client", *send, "syn", MARKER.decode())
    lab.run("client", *send, "data", MARKER.decode())
    used = lab.run("server", "nstat", "-asz", "TcpExtTCPFastOpenPassive")
    check(any(line.split()[1] == "1" for line in used.splitlines() if line.startswith("TcpExt")), f"no data in the SYN: {used}")
    synfate.wait_attempt({"fate": "established"})
    drop()
    lab.run("client", *send, "data", MARKER.decode())
    lab.run("client", *send, "syn", MARKER.decode())
    synfate.wait_attempt({"fate": "dropped", "cause": "netfilter_drop"})
    done = synfate.stop()
    check(done.summary["events"]["seen"] > 0, "nothing was seen")
    with open(recording, "rb") as file:
        kept = file.read()
    # Bytes of a packet would be found as they were in it: so are those that are kept.
    check(socket.inet_aton(lab.v4(1, 2)) in kept, "nothing was recorded")
    for what, text in (("the recording", kept), ("the rows", "\n".join(synfate.text).encode()), ("stderr", done.stderr.encode())):
        for part in (MARKER, MARKER[:12], MARKER.hex().encode()):
            check(part not in text, f"payload is in {what}")


def no_payload(lab):
    # 40 bytes are a bare ACK with its headers, 60 a SYN: what is longer has data.
    rules = "table ip lab { chain input { type filter hook input priority 0; tcp dport 80 ip length > 64 drop; }; }"
    markers_sent(lab, lambda recording: lab.synfate("trace", "--all", *ours(lab), recording=recording), lambda: lab.nft("server", rules))


def no_payload_nftrace(lab):
    """There the kernel itself sends the beginning of each packet."""
    drop = "-A INPUT -p tcp --dport 80 -m length --length 65: -j DROP"

    def arm(recording):
        lab.run("server", "nft", "list", "tables")
        lab.iptables("server", "iptables-legacy", "-A INPUT -p tcp --dport 81 -j DROP")
        return lab.synfate("trace", "--all", "--nftrace", "--netns", lab.inode("server"), recording=recording)

    markers_sent(lab, arm, lambda: lab.iptables("server", "iptables-legacy", drop))


def replays_with_nothing(lab):
    """A recording may be anybody's: it is read with no capability but to read files, and without most system calls."""
    lab.netns("lone")
    recording = "/run/lone.synfate"
    anew(recording)
    tool.once("trace", "--for", "100ms", "--netns", lab.inode("lone"), "--record", recording)
    pipe = subprocess.PIPE
    process = subprocess.Popen([tool.binary(), "replay", "/dev/stdin"], stdin=pipe, stdout=pipe, stderr=pipe)
    try:
        deadline = tool.Deadline(10)
        while status_of(process.pid)["Seccomp"] != FILTERED and process.poll() is None and not deadline.passed():
            pass
        check_confined(status_of(process.pid), 1 << CAPABILITIES["DAC_READ_SEARCH"])
        with open(recording, "rb") as file:
            out, err = process.communicate(file.read(), timeout=20 * tool.PATIENCE)
    finally:
        process.kill()
        process.wait()
    # 3: others' floods made the recorded session lose events.
    check(process.returncode in (0, 3) and err == b"", f"exit {process.returncode}: {out}{err}")


def switched_off(lab):
    """For whoever has to find out whether it is to blame."""
    lab.netns("lone")
    synfate = lab.synfate("trace", "--without", "confinement", *ours(lab))
    check(status_of(synfate.process.pid)["Seccomp"] == status_of("self")["Seccomp"], "it is confined")
    done = synfate.stop()
    expect({"gaps": [{"code": "hook_missing"}]}, {"gaps": [gap for gap in done.summary["gaps"] if "confinement" in gap["text"]]})


if __name__ == "__main__":
    main(
        150,
        __doc__,
        given_up,
        not_the_commands,
        ends_anothers_command,
        others_tools,
        recordings,
        no_payload,
        no_payload_nftrace,
        replays_with_nothing,
        switched_off,
    )
