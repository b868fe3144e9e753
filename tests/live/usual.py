# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The usual course of a lab: arm a trace, make one connect(), await the row about it, end the trace. Labs that differ do it by hand."""

import os
import re

from expect import any_of, at_least, check, expect, satisfies
from guests import IN_GUEST
from tool import PATIENCE
from topology import flow

# The kernels where nft_do_chain() does not free the packet itself (6.6 and older) report the caller.
NFT_DROPS_IN = any_of("nft_do_chain", "nf_hook_slow")

# A cause read from the kernel's own record; "strong" where one part of it had to be concluded.
SURE = any_of("exact", "strong")

# How a rule of nf_tables is told from the first SYN on.
AT_ONCE = any_of("stack", "fentry")

# iptables-legacy: its counters are read around the second SYN, where the function that walks the table may not be traced.
BY_COUNTERS = any_of("counters", "fentry")

# How long a client has to try where it takes a second SYN: that leaves after a second. What has to be ready by then takes a slow machine
# longer, so that it is the third or the fourth.
TWO_SYNS = 2.5 if PATIENCE == 1 else 8


def kernel_at_least(major, minor):
    return tuple(map(int, re.match(r"(\d+)\.(\d+)", os.uname().release).groups())) >= (major, minor)


def has_netfilter_links():
    """BPF netfilter programs came with Linux 6.4. Without them nothing teaches synfate where a kernel keeps the entry of the hook."""
    return kernel_at_least(6, 4)


def has_receiver():
    """Since Linux 6.11 the kernel tells which socket a dropped packet was for."""
    return kernel_at_least(6, 11)


def traces_listeners():
    """Where functions can be traced, the one that decides about a SYN tells by itself why a listener refused it."""
    return IN_GUEST


def by_entry(cause, where, instead="netfilter_drop"):
    """A cause that is told from the entry of the hook alone: where that may not be known, its row may say less, but why."""
    if has_netfilter_links():
        return {"cause": cause, "where": {**where, "rule": None, "rule_gap": None}}
    said = satisfies("no rule", lambda rule: rule is None or rule["number"] is None)
    return {"cause": any_of(cause, instead), "where": {**where, "rule": said}}


def named_rule(text, chain="forward", backend="nft", family="ip", table="lab", number=1, comment=None, **known):
    """The rule of a netfilter drop, whole: nothing about it is left open. For a policy its number is None."""
    legacy = backend == "iptables-legacy"
    return {
        "rule": {
            "backend": backend,
            "family": family,
            "table": table,
            "chain": chain,
            "number": number,
            # xtables has none, and a policy is no rule.
            "handle": None if legacy or number is None else at_least(1),
            "policy": number is None,
            "text": text,
            "comment": comment,
            "how": BY_COUNTERS if legacy else AT_ONCE,
            **known,
        },
        "rule_gap": None,
    }


def scope(destination):
    """A recording that is to become a golden case has nothing of others in it."""
    return ("--host", destination) if os.environ.get("SYNFATE_TEST_RECORD") else ()


def dies(lab, client, destination, port, partial, timeout=0.3, patience=5, source="", trace=()):
    """One connect() that must not succeed, and one row about it: (row, outcome, finished)."""
    synfate = lab.synfate("trace", *(trace or scope(destination)))
    attempt = lab.connecting(client, destination, port, timeout, source=source)
    who = {"client": {"netns": lab.inode(client)}, "flow": flow(source, destination, port)["flow"]}
    if not source:
        del who["flow"]["src"]
    row = synfate.expect_attempt(who, partial, patience)
    outcome = attempt.outcome(timeout + 10)
    check(outcome["errno"] != 0, f"the lab does not work: connect() to {destination}:{port} succeeded")
    done = synfate.stop()
    rows = done.attempts(who)
    check(len(rows) == 1, f"{len(rows)} rows for one connect()")
    # The last revision counts, also one that came while the client gave up and the trace ended.
    expect({key: value for key, value in partial.items() if key != "revision"}, rows[0])
    return row, outcome, done


def says(*parts):
    """A list of sentences; each of `parts` is in one of them."""
    return satisfies(
        "sentences with " + " and ".join(map(repr, parts)),
        lambda lines: all(any(part in line for line in lines) for part in parts),
    )


def found_broken(lab, sender, packet, partial, patience=5):
    """A SYN that no socket made, as `packet` says it to the agent (see agent.frames), and one row about it: (row, finished)."""
    source, destination = packet[3], packet[4]
    synfate = lab.synfate("trace", *scope(destination))
    agent = lab.agent(sender, "frames", *packet, "40000:80:777000")
    agent.report()
    agent.process.stdin.write(b"\n")
    agent.process.stdin.flush()
    who = {"flow": flow(source, destination, 80)["flow"]}
    row = synfate.expect_attempt(who, partial, patience)
    done = synfate.stop()
    check(len(done.attempts(who)) == 1, f"{len(done.attempts(who))} rows for one SYN")
    expect(partial, done.attempts(who)[0])
    return row, done
