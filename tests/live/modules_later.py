# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""nf_tables and ip_tables come after synfate: its first drop may lack the rule, the second SYN has it. Nothing is loaded by synfate.

  client eth0 ────── toclient router toserver ────── eth0 server
  10.57.1.2         10.57.1.1  ✗  10.57.2.1        10.57.2.2:80 listens
                     a rule that is made while synfate watches
"""

from expect import check, expect
from guests import loaded_modules, only_in_a_guest, unload
from scenario import main
from tool import Deadline
from topology import flow, routed
from usual import SURE, TWO_SYNS, named_rule


def later(lab, module, make, rule, address):
    only_in_a_guest("it needs a kernel where the module can be taken out and is used by nobody else")
    routed(lab)
    lab.listener("server", address, 80)
    unload(lab, Deadline(5), module)
    synfate = lab.synfate("trace")
    check(lab.connect("client", address, 80, 5)["errno"] == 0, "the lab does not work without its rule")
    check(module not in loaded_modules(), f"synfate has loaded {module}")
    make()
    check(module in loaded_modules(), f"{module} is not what the rule needs, so this shows nothing")
    attempt = lab.connecting("client", address, 80, TWO_SYNS)
    who = {"client": {"netns": lab.inode("client")}, "flow": {**flow("", address, 80)["flow"], "src": lab.v4(1, 2) if "." in address else lab.v6(1, 2)}}
    row = synfate.expect_attempt(who, {"fate": "dropped", "where": rule, "confidence": SURE}, TWO_SYNS + 3)
    attempt.outcome(TWO_SYNS + 10)
    rows = synfate.stop().attempts({**who, "fate": "dropped"})
    check(len(rows) == 1 and rows[0]["id"] == row["id"], f"{len(rows)} rows for one connect()")
    expect({"where": rule}, rows[0])


def nft(lab):
    def make():
        lab.nft("router", "table ip lab { chain forward { type filter hook forward priority 0; tcp dport 81 drop; tcp dport 80 drop; }; }")

    later(lab, "nf_tables", make, named_rule("tcp dport 80 drop", number=2), lab.v4(2, 2))


def iptables_legacy(lab):
    def make():
        lab.iptables("router", "iptables-legacy", "-A FORWARD -p tcp --dport 80 -j DROP")

    later(lab, "ip_tables", make, named_rule("-A FORWARD -p tcp -m tcp --dport 80 -j DROP", "FORWARD", "iptables-legacy", table="filter"), lab.v4(2, 2))


def ip6tables_legacy(lab):
    def make():
        lab.iptables("router", "ip6tables-legacy", "-A FORWARD -p tcp --dport 80 -j DROP")

    rule = named_rule("-A FORWARD -p tcp -m tcp --dport 80 -j DROP", "FORWARD", "iptables-legacy", "ip6", "filter")
    later(lab, "ip6_tables", make, rule, lab.v6(2, 2))


if __name__ == "__main__":
    main(57, __doc__, nft, iptables_legacy, ip6tables_legacy)
