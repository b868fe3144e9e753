# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A BPF netfilter program drops the SYN: a hook entry without a rule. No rule is named, also not one of the tables on the same hook.

  client eth0 ────── toclient router toserver ────── eth0 server
  10.56.1.2         10.56.1.1  ✗  10.56.2.1        10.56.2.2:80 listens
                     forward: a program, between two tables
"""

from expect import check
from lab import Skip
from scenario import main
from topology import routed
from usual import SURE, dies, has_netfilter_links

NFPROTO = {4: 2, 6: 10}
FORWARD = 2


def by_program(lab, version, address):
    if not has_netfilter_links():
        raise Skip("Linux before 6.4 has no BPF netfilter programs")
    routed(lab)
    lab.listener("server", address, 80)
    for name, priority in (("before", -20), ("behind", 20)):
        rule = "tcp dport 80 accept" if name == "before" else "tcp dport 80 drop"
        lab.nft("router", f"table inet {name} {{ chain forward {{ type filter hook forward priority {priority}; {rule}; }}; }}")
    lab.helper("router", "bpf_filter.py", NFPROTO[version], FORWARD, 0)
    expected = {
        "fate": "dropped",
        "cause": "netfilter_drop",
        "packet": "syn",
        "where": {"netns": lab.inode("router"), "stage": "forward", "device": "toclient", "function": "nf_hook_slow", "rule": None},
        "confidence": SURE,
    }
    row = dies(lab, "client", address, 80, expected)[0]
    entry = [words for words in row["evidence"] if words.startswith("entry ")]
    check(len(entry) == 1 and "nf_hook_run_bpf" in entry[0] and entry[0].startswith("entry 2 of 3"), f"evidence: {row['evidence']}")


def ipv4(lab):
    by_program(lab, 4, lab.v4(2, 2))


def ipv6(lab):
    by_program(lab, 6, lab.v6(2, 2))


if __name__ == "__main__":
    main(56, __doc__, ipv4, ipv6)
