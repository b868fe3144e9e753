# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The first SYN is dropped by a rule; the rule goes away, and the retransmitted SYN gets through: the row is revised.

  client eth0 ────── eth0 server
  10.21.1.2       ✗ 10.21.1.3:80 listens
                    input: drop, until the first row is printed
"""

from expect import at_least, check
from scenario import main
from topology import pair


def rule_removed(lab):
    pair(lab)
    lab.listener("server", lab.v4(1, 3), 80)
    lab.nft("server", "table ip lab { chain input { type filter hook input priority 0; tcp dport 80 drop; }; }")
    synfate = lab.synfate("trace")
    mine = {"client": {"netns": lab.inode("client")}}
    client = lab.connecting("client", lab.v4(1, 3), 80, 10)
    first = synfate.expect_attempt(mine, {"revision": 1, "fate": "dropped", "cause": "netfilter_drop"})
    lab.run("server", "nft", "delete", "table", "ip", "lab")
    check(client.outcome(10)["errno"] == 0, "the lab does not work: the retransmit did not get through")
    synfate.expect_attempt({"id": first["id"], "fate": "established"}, {"revision": at_least(2), "syns": at_least(2), "isn": first["isn"]})
    done = synfate.stop()
    check([a["fate"] for a in done.attempts(mine)] == ["established"], "the last revision is not the last word")
    check(done.summary["attempts"].get("dropped", 0) == len(done.attempts({"fate": "dropped"})), f"counted twice: {done.summary}")


if __name__ == "__main__":
    main(21, __doc__, rule_removed)
