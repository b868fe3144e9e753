# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The right rule among 15,000 of iptables-legacy and among 20,000 of nft, with its text, in no more than 64 MiB. How long it takes,
`bench/run rules` measures.

  client eth0 ────── toclient router toserver ────── eth0 server
  10.80.1.2         10.80.1.1  ✗   10.80.2.1        and 10.80.128.0/17, the services, behind it
"""

import big_rules
from expect import any_of, check, some_text
from scenario import main
from tool import PATIENCE
from usual import TWO_SYNS

MOST_MIB = 64
# An emulated machine reads thousands of rules for seconds before it can watch them.
RETRANSMITTED = TWO_SYNS if PATIENCE == 1 else 2 * TWO_SYNS


def highest_mib(synfate):
    with open(f"/proc/{synfate.process.pid}/status", encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) / 1024


def named(build):
    def scenario(lab):
        big_rules.services(lab)
        case = build(lab)
        synfate = lab.synfate("trace", "--netns", lab.inode("router"))
        attempt = lab.connecting("client", case.address, big_rules.PORT, RETRANSMITTED if case.revision == 2 else 0.3)
        rule = {**case.rule, "how": any_of("stack", "fentry", "counters")}
        row = synfate.expect_attempt(
            {"flow": {"dst": case.address}},
            {"fate": "dropped", "cause": "netfilter_drop", "where": {"netns": lab.inode("router"), "rule": rule, "rule_gap": None}},
            20,
        )
        attempt.outcome(20)
        memory = highest_mib(synfate)
        done = synfate.stop()
        check(len(done.attempts()) == 1 and done.attempts()[0]["where"] == row["where"], "the rule did not stay the same")
        check(memory <= MOST_MIB, f"{memory:.1f} MiB resident")
        print(f"{case.rules}: rule {row['where']['rule']['number']} of {row['where']['rule']['chain']}, {memory:.1f} MiB at most")

    scenario.__name__ = build.__name__
    return scenario


def policy_behind_all(lab):
    """No rule of 20,000 matches: the policy of their chain."""
    big_rules.services(lab)
    big_rules.one_chain(lab)
    lab.nft("router", "add chain ip big forward { policy drop; }")
    synfate = lab.synfate("trace", "--netns", lab.inode("router"))
    lab.connect("client", lab.v4(2, 2), 81, 0.3)
    rule = {"backend": "nft", "table": "big", "chain": "forward", "number": None, "policy": True, "text": some_text}
    synfate.expect_attempt({"flow": {"dport": 81}}, {"cause": "netfilter_policy", "where": {"rule": rule, "rule_gap": None}}, 20)
    synfate.stop()


if __name__ == "__main__":
    main(80, __doc__, *map(named, big_rules.CASES), policy_behind_all)
