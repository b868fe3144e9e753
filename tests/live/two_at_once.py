# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Several synfates at once, begun in one moment, so that each sees the others calibrate: all are right about the lab, and none reports what
another one does, not even those that watch nothing but loopback, where calibrations are. One of them traces rules.

  client eth0 ────── toclient router toserver ────── eth0 server
  10.143.1.2        10.143.1.1  ✗   10.143.2.1       10.143.2.2
"""

import signal

import tool
from expect import check, expect
from scenario import main
from topology import flow, routed

RULE = {"table": "lab", "chain": "forward", "number": 2}


def build(lab):
    routed(lab)
    lab.nft(
        "router", "table ip lab { chain forward { type filter hook forward priority 0; tcp dport 79 drop; tcp dport 80 drop comment \"dies here\"; }; }"
    )
    lab.iptables("router", "iptables-legacy", "-A FORWARD -p tcp --dport 81 -j DROP")


def start_together(lab, arguments):
    """None waits for another to be armed."""
    begun = []
    lab.flush()
    for each in arguments:
        one = tool.Synfate(lab, [str(word) for word in each])
        lab.tools.append(one)
        begun.append(one)
    for one in begun:
        one.wait_ready(30)
    return begun


def fails(lab):
    """By nft, by iptables-legacy (which takes a second SYN), and for want of a listener."""
    lab.connect("client", lab.v4(2, 2), 80, 0.3)
    lab.connect("client", lab.v4(2, 2), 81, 1.5)
    lab.connect("client", lab.v4(2, 2), 82, 2)


def told(lab, synfate):
    source, server = lab.v4(1, 2), lab.v4(2, 2)
    # How sure it is depends on what else the machine is doing.
    synfate.expect_attempt(flow(source, server, 80), {"fate": "dropped", "cause": "netfilter_drop", "where": {"rule": RULE}})
    synfate.expect_attempt(
        flow(source, server, 81), {"fate": "dropped", "where": {"rule": {"backend": "iptables-legacy", "chain": "FORWARD", "number": 1}}}
    )
    synfate.expect_attempt(flow(source, server, 82), {"fate": "refused", "cause": "no_listener"})


def nothing_else(done):
    """Others may connect on the machine's own loopback, but no synfate is told of."""
    own = [row for row in done.attempts() if (row["client"]["comm"] or "").startswith("synfate")]
    check(not own, f"what another synfate did is reported: {own[:1]}")
    loopback = [row for row in done.attempts() if row["flow"]["dst"] == "127.0.0.1" and row["flow"]["dport"] < 20]
    check(not loopback, f"a calibration is reported: {loopback[:1]}")


def together(lab):
    build(lab)
    watching = ["trace", "--host", f"{lab.v4(0, 0)}/16"], ["trace", "--host", "127.0.0.0/8"]
    first, second, *of_loopback = start_together(lab, [watching[0], watching[0], watching[1], watching[1]])
    fails(lab)
    for synfate in (first, second):
        told(lab, synfate)
    for synfate in (first, second, *of_loopback):
        synfate.process.send_signal(signal.SIGINT)
    for synfate in (first, second, *of_loopback):
        done = synfate.finish()
        expect({"type": "summary"}, done.summary)
        check(done.status in (0, 3), f"exit status {done.status}: {done.stderr}")
        nothing_else(done)


def beside_nftrace(lab):
    """Its tables in the router are nobody's rule, and the passive one names the same rules as ever, also when they go."""
    build(lab)
    source = lab.v4(1, 2)
    before = lab.run("router", "nft", "list", "ruleset")
    passive, tracing = start_together(lab, [["trace", "--host", source], ["trace", "--nftrace", "--netns", lab.inode("router")]])
    check("synfate_trace_" in lab.run("router", "nft", "list", "tables"), "no table was added, so this shows nothing")
    fails(lab)
    told(lab, passive)
    told(lab, tracing)
    done = tracing.stop()
    nothing_else(done)
    check(lab.run("router", "nft", "list", "ruleset") == before, "the rules are not as they were")
    lab.connect("client", lab.v4(2, 2), 80, 0.3, sport=30000)
    passive.expect_attempt({"flow": {"sport": 30000}}, {"cause": "netfilter_drop", "confidence": "exact", "where": {"rule": RULE}})
    nothing_else(passive.stop())


def probe_beside_trace(lab):
    """A probe is a client like any other: the trace tells of it, and each names the same rule."""
    build(lab)
    trace = lab.synfate("trace", "--netns", lab.inode("client"))
    probe = tool.once("probe", "--from", "netns:" + lab.path("client"), "--to", f"{lab.v4(2, 2)}:80", "--timeout", "400ms", "--json")
    check(probe.returncode == 10, f"exit status {probe.returncode}: {probe.stderr}")
    check("dies here" in probe.stdout, f"the probe does not name the rule: {probe.stdout}")
    trace.expect_attempt(flow(lab.v4(1, 2), lab.v4(2, 2), 80), {"cause": "netfilter_drop", "confidence": "exact", "where": {"rule": RULE}})
    trace.stop()


if __name__ == "__main__":
    main(143, __doc__, together, beside_nftrace, probe_beside_trace)
