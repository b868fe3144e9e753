# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A connection that succeeds, through veth, bridge, DNAT and masquerade: one row with --all, none without.

              DNAT 10.20.96.1:80 → 10.20.1.3:8080, masquerade
  poda eth0 ────── va ┐
  10.20.1.2           cni0 node 10.20.1.1
  podb eth0 ────── vb ┘
  10.20.1.3:8080
"""

from expect import any_of, check
from scenario import main

RULES = """
table ip lab {{
  chain prerouting {{ type nat hook prerouting priority -100; ip daddr {service} tcp dport 80 dnat to {pod}:8080; }}
  chain postrouting {{ type nat hook postrouting priority 100; ip daddr {pod} tcp dport 8080 masquerade; }}
}}
"""


def build(lab):
    lab.netns("node", "poda", "podb")
    for pod, port, host in (("poda", "va", 2), ("podb", "vb", 3)):
        lab.veth(pod, "eth0", "node", port)
        lab.address(pod, "eth0", lab.v4(1, host))
    lab.bridge("node", "cni0", "va", "vb")
    lab.address("node", "cni0", lab.v4(1, 1))
    lab.route("poda", f"default via {lab.v4(1, 1)}")
    lab.forwarding("node")
    lab.settle()
    lab.nft("node", RULES.format(service=lab.v4(96, 1), pod=lab.v4(1, 3)))
    lab.listener("podb", lab.v4(1, 3), 8080)


def with_all(lab):
    build(lab)
    synfate = lab.synfate("trace", "--all")
    outcome = lab.connect("poda", lab.v4(96, 1), 80, 5)
    check(outcome["errno"] == 0, f"the lab does not work: {outcome}")
    mine = {"client": {"netns": lab.inode("poda")}}
    expected = {
        "revision": 1,
        "syns": 1,
        "flow": {"family": 4, "src": lab.v4(1, 2), "sport": outcome["sport"], "dst": lab.v4(96, 1), "dport": 80},
        "nat": {"src": lab.v4(1, 1), "dst": lab.v4(1, 3), "dport": 8080},
        "client": {"netns": lab.inode("poda"), "tgid": outcome["tgid"]},
        "server": {"netns": lab.inode("podb")},
        "fate": "established",
        "packet": None,
        "confidence": any_of("exact", "strong"),
    }
    row = synfate.expect_attempt(mine, expected)
    hops = {(hop["netns"], hop["device"]) for hop in row["path"]}
    for netns, device in (("poda", "eth0"), ("node", "va"), ("node", "vb"), ("podb", "eth0")):
        check((lab.inode(netns), device) in hops, f"the path does not show {netns} {device}: {row['path']}")
    # The node sends a redirect, since it routes back out of cni0. That is advice, not an error that answers the SYN.
    check(all(hop["event"] != "icmp_sent" for hop in row["path"]), f"a redirect is taken for an error: {row['path']}")
    done = synfate.stop()
    check(len(done.attempts(mine)) == 1, f"{len(done.attempts(mine))} rows for one connection")
    check(done.summary["attempts"].get("established", 0) >= 1, f"not counted: {done.summary}")


def without_all(lab):
    """The healthy connection has no row; the failing one after it shows that the trace was listening."""
    build(lab)
    synfate = lab.synfate("trace", "--netns", lab.inode("poda"))
    check(lab.connect("poda", lab.v4(96, 1), 80, 5)["errno"] == 0, "the lab does not work")
    lab.connect("poda", lab.v4(1, 3), 9)
    synfate.wait_attempt({"cause": "no_listener", "flow": {"dport": 9}})
    done = synfate.stop()
    check(len(done.attempts()) == 1, f"{len(done.attempts())} rows, expected the failed one only")
    check(done.summary["attempts"].get("established") == 1, f"the healthy one is not counted: {done.summary}")


if __name__ == "__main__":
    main(20, __doc__, with_all, without_all)
