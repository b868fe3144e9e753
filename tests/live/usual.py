# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The usual course of a lab: arm a trace, make one connect(), await the row about it, end the trace. Labs that differ do it by hand."""

from expect import any_of, check, expect, some_text
from topology import flow

# The kernels where nft_do_chain() does not free the packet itself (6.6 and older) report the caller.
NFT_DROPS_IN = any_of("nft_do_chain", "nf_hook_slow")

# A cause read from the kernel's own record; "strong" where one part of it had to be concluded.
SURE = any_of("exact", "strong")


def undetermined_rule(policy=False, **known):
    """The rule of a netfilter drop as far as this version goes: never a number, always why there is none."""
    return {"rule": {"number": None, "handle": None, "policy": policy if policy else any_of(False, None), **known}, "rule_gap": some_text}


def dies(lab, client, destination, port, partial, timeout=0.3, patience=5, source="", trace=()):
    """One connect() that must not succeed, and one row about it: (row, outcome, finished)."""
    synfate = lab.synfate("trace", *trace)
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
