# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A scope attaches to its own devices and filters nothing: programs by TCX links (Linux 6.6) at the pod's devices, at its veth's other end, and
at the uplinks of the node. Packets of others run none of them, and no tracepoint.

  poda eth0 ── to_a ┐
  podb eth0 ── to_b ┤ br0 node tun0 ─ ─ beyond (silent)
  podc eth0 ── to_c ┘
  10.132.1.11 .12 .13   10.132.1.1   10.132.2.1
"""

import json
import os
import signal

import tcx
import tool
from bpf import bpf_object
from expect import any_of, check, expect, satisfies
from lab import Skip
from scenario import main
from usual import SURE, named_rule, says, traces_listeners

PODS = ("a", "b", "c")


def build(lab):
    lab.netns("node", *(f"pod{name}" for name in PODS))
    for host, name in enumerate(PODS, 11):
        lab.veth(f"pod{name}", "eth0", "node", f"to_{name}")
        lab.address(f"pod{name}", "eth0", *lab.both(1, host))
        lab.route(f"pod{name}", f"default via {lab.v4(1, 1)}")
    lab.bridge("node", "br0", *(f"to_{name}" for name in PODS))
    lab.address("node", "br0", *lab.both(1, 1))
    lab.tun("node", "tun0", *lab.both(2, 1))
    lab.forwarding("node")
    lab.settle()
    # Whoever asks for an address by ARP asks every port of the bridge.
    for name in PODS:
        for host, other in enumerate(PODS, 11):
            if other != name:
                lab.neighbours(f"pod{name}", "eth0", f"pod{other}", "eth0", lab.v4(1, host))
        lab.neighbours(f"pod{name}", "eth0", "node", "br0", lab.v4(1, 1))
        lab.neighbours("node", "br0", f"pod{name}", "eth0", lab.v4(1, 11 + PODS.index(name)))
        lab.run("node", "bridge", "fdb", "replace", lab.mac(f"pod{name}", "eth0"), "dev", f"to_{name}", "master", "static")
    lab.flush()


def devices(lab, netns):
    return [link["ifname"] for link in json.loads(lab.ip(netns, "-j link"))]


def names(lab, netns, device):
    """What is attached there, by name: [ingress, egress]."""
    return [[tcx.facts(number)[0] for number in side] for side in tcx.programs(lab.path(netns), device)]


def observed(lab, expected_programs=1):
    """Devices with synfate's programs in front of all others on both sides."""
    found = set()
    for netns in lab.inodes:
        for device in devices(lab, netns):
            ingress, egress = names(lab, netns, device)
            # One side after the other is attached to, and left.
            if "synfate_ingress" not in ingress or "synfate_egress" not in egress:
                continue
            check(ingress.count("synfate_ingress") == expected_programs, f"{netns} {device}: {ingress}")
            check(ingress[:expected_programs] == ["synfate_ingress"] * expected_programs, f"{netns} {device}: others are first: {ingress}")
            check(egress[:expected_programs] == ["synfate_egress"] * expected_programs, f"{netns} {device}: others are first: {egress}")
            found.add((netns, device))
    return found


AT_FIRST = {("poda", "eth0"), ("poda", "lo"), ("node", "to_a"), ("node", "tun0")}


def tracepoints(synfate):
    """Programs of packets' tracepoints that this synfate holds attached."""
    held = set()
    directory = f"/proc/{synfate.process.pid}/fdinfo"
    for name in os.listdir(directory):
        try:
            with open(os.path.join(directory, name), encoding="ascii", errors="replace") as file:
                fields = dict(line.split(":", 1) for line in file.read().splitlines() if ":" in line)
        except FileNotFoundError:  # closed meanwhile
            continue
        if "link_type" in fields and "prog_id" in fields:
            held.add(tcx.facts(int(fields["prog_id"]))[0])
    # The kernel keeps 15 letters.
    return held & {"on_net_dev_star", "on_netif_receiv", "on_netif_rx"}


def start(lab, *arguments, netns="poda"):
    return lab.synfate("trace", "--netns", lab.inode(netns), *arguments)


def scoped(lab):
    build(lab)
    try:
        tcx.programs(lab.path("node"), "lo")
    except OSError as error:
        raise Skip(f"this kernel has no TCX: {error}") from error


def others_run_none(lab):
    scoped(lab)
    lab.listener("podc", lab.v4(1, 13), 80)
    synfate = start(lab)
    check(observed(lab) == AT_FIRST, f"attached to {observed(lab)}")
    check(not tracepoints(synfate), f"attached for the whole machine: {tracepoints(synfate)}")
    ours = {number for netns, device in AT_FIRST for side in tcx.programs(lab.path(netns), device) for number in side}
    with tcx.counted():
        before = {number: tcx.facts(number)[1] for number in ours}
        for _ in range(20):
            check(lab.connect("podb", lab.v4(1, 13), 80)["errno"] == 0, "the lab does not work")
        after = {number: tcx.facts(number)[1] for number in ours}
        # What IPv6 says to everybody now and then is for the pod, too.
        runs = sum(after.values()) - sum(before.values())
        check(runs < 20, f"{runs} runs for 20 connections of others")
        lab.connect("poda", lab.v4(1, 13), 80)
        check(sum(tcx.facts(number)[1] for number in ours) - sum(after.values()) > 3, "a connection of the scope runs none either")
    done = synfate.stop()
    expect({"hops": f"tcx: {len(AT_FIRST) + 2} devices of 3 network namespaces"}, done.summary)
    check(not observed(lab), f"left attached: {observed(lab)}")


def drop_is_named(lab):
    scoped(lab)
    lab.nft("node", "table ip lab { chain forward { type filter hook forward priority 0; tcp dport 5432 drop; }; }")
    synfate = start(lab)
    lab.connecting("poda", lab.v4(2, 99), 5432)
    synfate.expect_attempt(
        {"client": {"netns": lab.inode("poda")}},
        {
            "fate": "dropped",
            "cause": "netfilter_drop",
            "where": {"netns": lab.inode("node"), "device": "br0", "stage": "forward", **named_rule("tcp dport 5432 drop")},
            "confidence": SURE,
            "path": path_by("eth0", "to_a"),
        },
    )
    synfate.stop()


def path_by(*wanted):
    def passes(path):
        seen = [hop["device"] for hop in path if hop["event"] in ("xmit", "queue", "receive")]
        return list(dict.fromkeys(seen)) == list(wanted)

    return satisfies(f"hops at {', '.join(wanted)}", passes)


def left(lab):
    """Seen in front of tun0's queue: that it has left is known by nothing waiting there."""
    scoped(lab)
    synfate = start(lab)
    lab.connecting("poda", lab.v4(2, 99), 80, 2.5 if tool.PATIENCE == 1 else 8)
    synfate.expect_attempt(
        {"client": {"netns": lab.inode("poda")}},
        {
            "fate": "unanswered",
            "cause": "left_node",
            "where": {"netns": lab.inode("node"), "device": "tun0"},
            "confidence": SURE,
            "evidence": says("handed to the queue of tun0", "nothing waits in the queue of tun0 any more"),
        },
        8,
    )
    check(not tracepoints(synfate), f"attached for the whole machine: {tracepoints(synfate)}")
    synfate.stop()


def to_another_pod(lab):
    """Nothing of podb is observed until the scope connects there; from then on all of it is, and its listener's silence is understood."""
    scoped(lab)
    server = lab.full_listener("podb", lab.v4(1, 12), 80, backlog=3)
    synfate = start(lab)
    check(observed(lab) == AT_FIRST, f"attached to {observed(lab)}")
    lab.connecting("poda", lab.v4(1, 12), 80, 4.5 if tool.PATIENCE == 1 else 12)
    seen_arriving = {} if traces_listeners() else {"device": "eth0"}
    synfate.expect_attempt(
        {"client": {"netns": lab.inode("poda")}},
        {
            "fate": "dropped",
            "cause": "accept_queue_full",
            "server": {"netns": lab.inode("podb")},
            "where": {"netns": lab.inode("podb"), "stage": "socket", **seen_arriving},
            "confidence": SURE,
            "evidence": says(f"of python3[{server.tgid}]: 4 connections wait"),
        },
        10,
    )
    there = AT_FIRST | {("node", "to_b"), ("podb", "eth0")}
    lab.wait_until(lambda: observed(lab) == there, "something else is attached to")
    check(not tracepoints(synfate), f"attached for the whole machine: {tracepoints(synfate)}")
    synfate.stop()


def from_another_pod(lab):
    """The first SYN is met on its way, with nothing left of its socket: whose it was comes with the second."""
    scoped(lab)
    lab.nft("poda", "table ip lab { chain input { type filter hook input priority 0; tcp dport 80 drop; }; }")
    synfate = start(lab)
    client = lab.connecting("podb", lab.v4(1, 11), 80, 2.5 if tool.PATIENCE == 1 else 8)
    synfate.expect_attempt(
        {"where": {"netns": lab.inode("poda")}},
        {
            "fate": "dropped",
            "cause": "netfilter_drop",
            "client": {"netns": lab.inode("podb"), "tgid": client.tgid},
            "where": {"netns": lab.inode("poda"), "stage": "input", **named_rule("tcp dport 80 drop", chain="input")},
            "confidence": SURE,
        },
        8,
    )
    done = synfate.stop()
    check(len(done.attempts()) == 1, f"{len(done.attempts())} rows for one connect()")


def a_later_device(lab):
    scoped(lab)
    synfate = start(lab)
    lab.veth("poda", "eth1", "node", "to_a1")
    lab.address("poda", "eth1", lab.v4(3, 11))
    lab.address("node", "to_a1", lab.v4(3, 1))
    lab.nft("node", "table ip lab { chain input { type filter hook input priority 0; tcp dport 80 drop; }; }")
    lab.settle()
    new = {("poda", "eth1"), ("node", "to_a1")}
    lab.wait_until(lambda: observed(lab) == AT_FIRST | new, "the new veth is not attached to")
    lab.connecting("poda", lab.v4(3, 1), 80)
    synfate.expect_attempt(
        {"client": {"netns": lab.inode("poda")}},
        {"cause": "netfilter_drop", "where": {"netns": lab.inode("node"), "device": "to_a1"}, "path": path_by("eth1", "to_a1")},
    )
    lab.ip("poda", "link del eth1")
    lab.wait_until(lambda: observed(lab) == AT_FIRST, "something else is attached to")
    synfate.stop()


def beside_others(lab):
    """In front of a program of TCX and of a filter of clsact, which see all of their packets; two at once; after SIGKILL theirs alone is left."""
    scoped(lab)
    lab.listener("node", lab.v4(1, 1), 80)
    lab.run("node", "tc", "qdisc", "add", "dev", "to_a", "clsact")
    lab.run("node", "tc", "filter", "add", "dev", "to_a", "ingress", "bpf", "da", "obj", bpf_object("tc_drop"), "sec", "pass")
    listed = json.loads(lab.run("node", "tc", "-j", "filter", "show", "dev", "to_a", "ingress"))
    filtering = next(one["options"]["prog"]["id"] for one in listed if "prog" in one.get("options", {}))
    with tcx.attached(lab.path("node"), "to_a", tcx.INGRESS, "of_others") as other:
        first = start(lab)
        second = lab.synfate("trace", "--netns", lab.inode("poda"))
        check(observed(lab, 2) == AT_FIRST, f"attached to {observed(lab, 2)}")
        check(names(lab, "node", "to_a")[0] == ["synfate_ingress", "synfate_ingress", "of_others"], names(lab, "node", "to_a"))
        with tcx.counted():
            before = [tcx.facts(number)[1] for number in (other, filtering)]
            check(lab.connect("poda", lab.v4(1, 1), 80)["errno"] == 0, "the lab does not work")
            seen = [tcx.facts(number)[1] - was for number, was in zip((other, filtering), before)]
            check(min(seen) >= 3, f"others do not see their packets: a program of TCX {seen[0]}, a filter {seen[1]}")
        lab.connecting("poda", lab.v4(1, 12), 80)
        for one in (first, second):
            one.expect_attempt({"client": {"netns": lab.inode("poda")}}, {"cause": "no_listener", "fate": "refused"})
        first.process.send_signal(signal.SIGKILL)
        second.process.send_signal(signal.SIGKILL)
        first.process.wait()
        second.process.wait()
        lab.wait_until(lambda: not observed(lab) and names(lab, "node", "to_a")[0] == ["of_others"], "links are left")


def of_the_whole_machine(lab):
    """As on kernels without TCX."""
    build(lab)
    synfate = lab.synfate("trace", "--without", "tcx", "--netns", lab.inode("poda"))
    check(tracepoints(synfate) == {"on_net_dev_star", "on_netif_receiv"}, f"attached: {tracepoints(synfate)}")
    lab.connecting("poda", lab.v4(1, 12), 80)
    synfate.expect_attempt({"client": {"netns": lab.inode("poda")}}, {"cause": "no_listener", "fate": "refused"})
    expect({"hops": any_of("all devices: switched off by --without")}, synfate.stop().summary)


if __name__ == "__main__":
    main(132, __doc__, others_run_none, drop_is_named, left, to_another_pod, from_another_pod, a_later_device, beside_others, of_the_whole_machine)
