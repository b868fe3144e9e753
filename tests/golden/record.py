#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Makes the golden cases from the live labs: record.py [FILE[.SCENARIO] ...], as root, on a machine where nothing else connects.
Each case gets recording.synfate, expected.jsonl and source. It never decides what is right: the labs do, and the reader of the diff."""

import argparse
import datetime
import ipaddress
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
LIVE = os.path.join(os.path.dirname(HERE), "live")

# One case a cause at least; what is about options, endings and errors has nothing to replay. FILE or FILE.SCENARIO.
FILES = (
    "accept_queue_full.ipv4",
    "accept_queue_full.final_ack",
    "bridge_filter.isolated",
    "bridge_hairpin",
    "bridge_port_state.learning",
    "bridge_port_state.unplugged",
    "checksum.tcp",
    "cgroup_bpf",
    "conntrack_clash",
    "conntrack_invalid",
    "dnat_nobody.gone_pod",
    "dnat_nobody.old_translation",
    "dnat_nobody.wrong_port",
    "device_down.forwarded",
    "established",
    "forwarding_off",
    "gives_up.by_itself",
    "gives_up.time_of_socket",
    "icmp_from_peer",
    "left_by.by_a_mark",
    "left_by.ipv6",
    "left_node",
    "martian",
    "mtu.ipv6",
    "mtu.veth_peer",
    "nat_exhausted",
    "neighbour_failed",
    "neighbour_overflow.queue_ipv4",
    "neighbour_unresolved",
    "netfilter_bpf.ipv4",
    "netfilter_drop",
    "netfilter_elements",
    "netfilter_families.bridge_forward",
    "netfilter_families.bridge_prerouting",
    "netfilter_families.inet_ingress",
    "netfilter_families.netdev_egress",
    "netfilter_families.netdev_ingress_ipv6",
    "netfilter_policy",
    "netfilter_reject",
    "nfqueue_drop",
    "no_listener",
    "no_route",
    "other",
    "peer_reset",
    "reset_by_app.empty_reply",
    "reset_by_app.fin",
    "retransmit_passes",
    "route_blackhole",
    "route_prohibit",
    "route_unreachable",
    "qdisc_drop.one_of_several",
    "rp_filter",
    "same_addresses",
    "syn_cookies.queue_full",
    "syn_queue_full.without_cookies",
    "socket_filter",
    "synack_dropped",
    "tc_drop",
    "ttl.ipv4",
    "ttl.loop",
    "tcp_auth.ipv4",
    "tcp_minttl.ipv4",
    "time_wait.ipv4",
    "wrong_mac.ipv4",
    "unknown.forwarded",
    "xdp_drop",
    "xfrm",
)
# Not here, since they run in guests only: accept_queue_full.somaxconn at its word, conntrack_full, cpu_backlog, ipvs, lsm and
# syn_queue_full.at_its_word. Their recordings come out of a guest, and are taken with --made.

# Recordings of wire version 1, by synfate 0.1.0 before it named rules: that they are still read, and judged as far as they go, is what
# they are for. They are never made anew. Other cases may be of that version too, until their turn comes.
KEPT = (
    "left_node-ipv4",
    "netfilter_drop-nft_prerouting",
    "netfilter_policy-nft_ipv6",
    "netfilter_reject-tcp_reset",
    "synack_dropped-ipv6",
)

LOOPBACK = tuple(map(ipaddress.ip_network, ("127.0.0.0/8", "::1/128")))
LARGEST_BYTES = 512 * 1024
SKIPPED = 77  # as tests/live/scenario.py has it


class Refused(Exception):
    """This recording may not become a golden case; the reason is for the person who records."""


class Kept(Exception):
    """This case stays as it is."""


def own_networks(file_name):
    """The addresses of a lab, by its number: other labs, and the machine itself, may connect at the same time."""
    with open(os.path.join(LIVE, f"{file_name}.py"), encoding="utf-8") as file:
        number = re.search(r"^    main\(\s*(\d+),", file.read(), re.M).group(1)
    return tuple(map(ipaddress.ip_network, (f"10.{number}.0.0/16", f"fd66:{number}::/32"))) + LOOPBACK


def strangers(lines, networks):
    """Addresses of attempts that this lab cannot have made: they do not belong into its case."""
    for line in lines:
        if line["type"] == "attempt":
            ends = [ipaddress.ip_address(line["flow"][end]) for end in ("src", "dst") if line["flow"][end]]
            if not any(end in network for end in ends for network in networks):
                yield from map(str, ends)


def replayed(synfate, recording):
    done = subprocess.run([synfate, "replay", "--json", "--all", recording], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Refused(f"replay exits {done.returncode}: {done.stderr.strip()}")
    return done.stdout


def accept(synfate, case, made, release):
    """Checks one new recording and puts it into its place."""
    if case in KEPT:
        raise Kept("an old recording on purpose")
    recording = os.path.join(made, "recording.synfate")
    if os.path.getsize(recording) > LARGEST_BYTES:
        raise Refused(f"{os.path.getsize(recording)} bytes, more than {LARGEST_BYTES}")
    with open(recording, "rb") as file:
        if re.search(rb"(?<!\w)" + re.escape(platform.node().encode()) + rb"(?!\w)", file.read()):
            raise Refused(f"it contains this machine's name, {platform.node()}")
    text = replayed(synfate, recording)
    lines = [json.loads(line) for line in text.splitlines()]
    if not any(line["type"] == "attempt" for line in lines):
        raise Refused("there is no attempt in it")
    file_name, scenario = case.split("-")
    others = sorted(set(strangers(lines, own_networks(file_name))))
    if others:
        raise Refused(f"it contains traffic of others: {', '.join(others[:4])}")
    place = os.path.join(HERE, case)
    shutil.rmtree(place, ignore_errors=True)
    os.makedirs(place)
    shutil.copyfile(recording, os.path.join(place, "recording.synfate"))
    with open(os.path.join(place, "expected.jsonl"), "w", encoding="utf-8") as file:
        file.write(text)
    version = subprocess.run([synfate, "--version"], capture_output=True, text=True, check=False).stdout.strip()
    today = datetime.datetime.now(datetime.timezone.utc).date().isoformat()
    with open(os.path.join(place, "source"), "w", encoding="utf-8") as file:
        file.write(f"tests/golden/record.py {file_name}.{scenario}: the trace of tests/live/{file_name}.py {scenario}\n")
        file.write(f"{version}, Linux {release} {platform.machine()}, {today}\n")


def record(synfate, wanted):
    """Runs one lab file, or one scenario of it; the names of the cases that were refused."""
    file_name, _, scenario = wanted.partition(".")
    # Not below /run: a lab has a /run of its own.
    with tempfile.TemporaryDirectory(dir=HERE, prefix=".recording-") as made:
        environment = {**os.environ, "SYNFATE": synfate, "SYNFATE_TEST_RECORD": made}
        lab = [sys.executable, "-B", os.path.join(LIVE, f"{file_name}.py")] + ([scenario] if scenario else [])
        done = subprocess.run(lab, env=environment, check=False)
        if done.returncode == SKIPPED:
            return []
        if done.returncode != 0:
            print(f"refused {wanted}: its lab fails, so there is nothing to be golden", file=sys.stderr)
            return [wanted]
        return accept_all(synfate, made, platform.release())


def accept_all(synfate, made, release):
    """The names of the cases that were refused."""
    refused = []
    for case in sorted(os.listdir(made)):
        try:
            accept(synfate, case, os.path.join(made, case), release)
            print(f"recorded {case}")
        except Kept as reason:
            print(f"kept {case}: {reason}")
        except Refused as reason:
            print(f"refused {case}: {reason}", file=sys.stderr)
            refused.append(case)
    return refused


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("cases", nargs="*", default=FILES, metavar="FILE[.SCENARIO]", help="a file of tests/live (default: all causes)")
    parser.add_argument("--synfate", default=os.path.join(os.path.dirname(os.path.dirname(HERE)), "build", "synfate"))
    parser.add_argument("--made", nargs=2, metavar=("DIRECTORY", "RELEASE"), help="take what labs with SYNFATE_TEST_RECORD made on that kernel")
    arguments = parser.parse_args()
    synfate = os.path.abspath(arguments.synfate)
    if arguments.made:
        refused = accept_all(synfate, *arguments.made)
    else:
        refused = [case for wanted in arguments.cases for case in record(synfate, wanted)]
    if refused:
        sys.exit(f"{len(refused)} refused: {', '.join(refused)}")


if __name__ == "__main__":
    main()
