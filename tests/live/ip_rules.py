# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Policy routing: a rule that refuses is no missing route, and a table that misses is none either while a later one has the route.

  client eth0 ────── toclient router toserver ────── eth0 server
  10.42.1.2         10.42.1.1      10.42.2.1        10.42.2.2:80 listens
  rules
"""

from expect import any_of, anything_but, check, contains, expect
from guests import IN_GUEST
from scenario import main
from topology import routed


def refused_by_a_rule(lab, destination, family, kind):
    routed(lab)
    lab.ip("client", f"{family} rule add to {destination} prio 100 {kind}")
    synfate = lab.synfate("trace")
    outcome = lab.connect("client", destination, 80)
    check(outcome["errno"] not in (0, None), f"the lab does not work: {outcome}")
    who = {"client": {"netns": lab.inode("client")}, "flow": {"dst": destination, "dport": 80}}
    row = synfate.wait_attempt(who)
    expect({"fate": "refused", "cause": anything_but("no_route"), "next": contains("rule")}, row)
    check(row["cause"] == "route_" + kind or row["confidence"] == "partial", f"{row['cause']}, {row['confidence']}: which rule was not read")
    synfate.stop()


def prohibit(lab):
    refused_by_a_rule(lab, lab.v4(2, 2), "-4", "prohibit")


def unreachable(lab):
    refused_by_a_rule(lab, lab.v4(2, 2), "-4", "unreachable")


def blackhole(lab):
    refused_by_a_rule(lab, lab.v4(2, 2), "-4", "blackhole")


def prohibit_ipv6(lab):
    refused_by_a_rule(lab, lab.v6(2, 2), "-6", "prohibit")


def missed_then_found(lab):
    """No row about it: the attempt succeeds."""
    routed(lab)
    lab.listener("server", lab.v4(2, 2), 80)
    for netns in ("client", "router"):
        lab.ip(netns, "rule add prio 50 ipproto tcp dport 80 lookup 77")
        lab.ip(netns, "route add 192.0.2.0/24 dev lo table 77")
    synfate = lab.synfate("trace", "--all", "--netns", lab.inode("client"))
    check(lab.connect("client", lab.v4(2, 2), 80)["errno"] == 0, "the lab does not work")
    synfate.wait_attempt({"fate": "established"})
    done = synfate.stop()
    check(len(done.attempts()) == 1, f"{len(done.attempts())} rows for one connect()")


def missed_everywhere(lab):
    """The last table asked says that there is no route, as without rules."""
    lab.netns("client")
    lab.ip("client", "rule add prio 50 lookup 77")
    synfate = lab.synfate("trace", "--netns", lab.inode("client"))
    lab.connect("client", "203.0.113.9", 80)
    synfate.wait_attempt({"fate": "refused", "cause": "no_route", "where": {"netns": lab.inode("client")}})
    synfate.stop()


def refused_on_the_way(lab, destination, family, kind):
    """In the router a rule has the errors that a route has; unless a route is known to have refused, both are said."""
    routed(lab)
    lab.ip("router", f"{family} rule add to {destination} prio 100 {kind}")
    synfate = lab.synfate("trace", "--netns", lab.inode("client"))
    outcome = lab.connect("client", destination, 80)
    check(outcome["errno"] != 0, f"the lab does not work: {outcome}")
    who = {"flow": {"dst": destination, "dport": 80}}
    synfate.wait_attempt({**who, "where": {"netns": lab.inode("router"), "stage": "route_in"}})
    row = synfate.stop().attempts(who)[0]
    expect({"confidence": "partial"}, row)
    check(any("ip rule" in said for said in row["evidence"]), f"no word of rules: {row['evidence']}")


def prohibit_on_the_way(lab):
    refused_on_the_way(lab, lab.v4(2, 2), "-4", "prohibit")


def unreachable_on_the_way(lab):
    refused_on_the_way(lab, lab.v4(2, 2), "-4", "unreachable")


def prohibit_on_the_way_ipv6(lab):
    refused_on_the_way(lab, lab.v6(2, 2), "-6", "prohibit")


def route_beside_a_rule(lab):
    """A rule for somebody else: the look-up that met the prohibit route proves that it was the route."""
    routed(lab)
    lab.ip("router", f"rule add to {lab.v4(7, 7)} prio 100 prohibit")
    lab.ip("router", f"route add prohibit {lab.v4(9, 9)}")
    synfate = lab.synfate("trace", "--netns", lab.inode("client"))
    lab.connect("client", lab.v4(9, 9), 80)
    # A look-up is believed for ten milliseconds; between it and the drop an emulated processor may stand still for longer.
    confidence = any_of("exact", "partial") if IN_GUEST else "exact"
    synfate.expect_attempt({"flow": {"dst": lab.v4(9, 9)}}, {"cause": "route_prohibit", "confidence": confidence})
    synfate.stop()


def refused_after_the_last_table(lab):
    """connect(): the main table misses, and then a rule refuses."""
    lab.netns("client")
    lab.ip("client", f"rule add to {lab.v4(9, 9)} prio 40000 prohibit")
    synfate = lab.synfate("trace", "--netns", lab.inode("client"))
    lab.connect("client", lab.v4(9, 9), 80)
    row = synfate.wait_attempt({"flow": {"dst": lab.v4(9, 9)}})
    expect({"fate": "refused", "confidence": "partial"}, row)
    check(any("ip rule" in said for said in row["evidence"]), f"no word of rules: {row['evidence']}")
    synfate.stop()


if __name__ == "__main__":
    main(
        42,
        __doc__,
        prohibit,
        unreachable,
        blackhole,
        prohibit_ipv6,
        missed_then_found,
        missed_everywhere,
        prohibit_on_the_way,
        unreachable_on_the_way,
        prohibit_on_the_way_ipv6,
        route_beside_a_rule,
        refused_after_the_last_table,
    )
