# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A program of BPF LSM refuses what the listener receives. Before 6.17 its reason is that of a socket filter, which the socket had not.

  client eth0 ────── eth0 server
  10.131.1.2           10.131.1.3:8131 listens
                        socket_sock_rcv_skb: a program ✗
"""

import os

from bpf import bpf_object
from expect import any_of, check, contains
from lab import LabError, Skip
from scenario import main
from topology import pair
from usual import dies, has_receiver

PORT = 8131  # as in lsm_drop.bpf.c
SECURITY = "/sys/kernel/security"


def active_modules(lab):
    """The kernel's list of them; securityfs is mounted for this test alone where it is not."""
    path = os.path.join(SECURITY, "lsm")
    if not os.path.exists(path):
        try:
            lab.command("mount", "-t", "securityfs", "securityfs", SECURITY)
        except LabError as error:
            raise Skip(f"no securityfs can be mounted here, which lists the security modules: {error}") from error
    with open(path, encoding="ascii") as file:
        return file.read().strip().split(",")


def guarded(lab, count, idle=0, name="lsm_drop"):
    """What holds the programs, some of which are attached nowhere."""
    modules = active_modules(lab)
    if "bpf" not in modules:
        raise Skip(f"BPF LSM is not among the active security modules: {','.join(modules)}")
    pair(lab)
    lab.listener("server", lab.v4(1, 3), PORT)
    script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "lsm_holder.py")
    holder = lab.agent("server", bpf_object(name), count, idle, script=script)
    refused = holder.report().get("refused")
    if refused:
        raise Skip(f"programs of BPF LSM are refused here: {refused}")
    return holder


def refused(lab, known):
    expected = {
        "fate": "dropped",
        "packet": "syn",
        "where": {
            "netns": lab.inode("server"),
            "stage": "socket",
            "reason": any_of("SOCKET_FILTER", "SECURITY_HOOK"),
            "function": "tcp_v4_rcv",
        },
        **known,
    }
    if not has_receiver():
        # That kernel does not tell which socket it was for, so that a filter of it may have been it as well.
        expected = {**expected, "cause": "socket_filter", "confidence": "partial", "next": contains(f"ss -Hltnpie 'sport = :{PORT}'")}
    return " ".join(dies(lab, "client", lab.v4(1, 3), PORT, expected)[0]["evidence"])


def program(lab):
    holder = guarded(lab, 1)
    known = {"cause": "lsm", "confidence": "strong", "next": contains("bpftool prog show id ")}
    evidence = refused(lab, known)
    check(evidence.count("BPF program refuse_port (id ") == 1, f"not the one that is attached is named: {evidence}")
    check(f"held by python3[{holder.tgid}]" in evidence, f"its holder is not named: {evidence}")
    if has_receiver():
        check("the only one found here that looks at what sockets receive" in evidence, f"why it must be that one is not said: {evidence}")
    else:
        check("on this kernel their refusal has the same reason" in evidence, f"it is not a suspect: {evidence}")


def idle(lab):
    """One more that is only loaded, as far as links tell: a cgroup may have it."""
    guarded(lab, 1, idle=1)
    evidence = refused(lab, {"cause": "lsm", "confidence": "partial"})
    check("which no link holds: it may be attached to a cgroup, or to nothing" in evidence, f"the idle one is no suspect: {evidence}")


def several(lab):
    """Which of two it was is not told, and both are."""
    guarded(lab, 2)
    evidence = refused(lab, {"cause": "lsm", "confidence": "partial", "next": contains(" && bpftool prog show id ")})
    check(evidence.count("BPF program refuse_port (id ") == 2, f"not both are listed: {evidence}")
    if has_receiver():
        check("which of them refused it is not told" in evidence, f"that it is not told is not said: {evidence}")


def request(lab):
    """It is asked before the listener answers, and its no is no drop: the function that asks is traced."""
    holder = guarded(lab, 1, name="lsm_request")
    expected = {
        "fate": "dropped",
        "cause": "lsm",
        "packet": "syn",
        "where": {"netns": lab.inode("server"), "device": "eth0", "stage": "socket", "function": "tcp_conn_request"},
        "confidence": "strong",
        "next": contains("bpftool prog show id "),
    }
    evidence = " ".join(dies(lab, "client", lab.v4(1, 3), PORT, expected)[0]["evidence"])
    check("security_inet_conn_request() returned EPERM" in evidence, f"what it said is not told: {evidence}")
    check("BPF program refuse_request (id " in evidence and f"held by python3[{holder.tgid}]" in evidence, f"it is not named: {evidence}")


if __name__ == "__main__":
    main(131, __doc__, program, idle, several, request)
