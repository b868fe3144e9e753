# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A rule hands the SYN to a process, which says drop; or to a queue that nobody listens on.

  client eth0 ────── toclient router toserver ────── eth0 server
  10.54.1.2         10.54.1.1     10.54.2.1        10.54.2.2:80 listens
                     forward: queue 7 ⇄ queue_owner.py: drop ✗
"""


from expect import any_of, check, contains, expect
from guests import IN_GUEST
from lab import LabError, Skip
from scenario import main
from topology import routed
from usual import SURE, dies

NOT_SAID = any_of("NOT_SPECIFIED", "NETFILTER_DROP", None)


def queued(lab, cause="nfqueue_drop"):
    where = {"netns": lab.inode("router"), "reason": NOT_SAID}
    return {"fate": "dropped", "cause": cause, "packet": "syn", "where": where, "confidence": SURE}


def send_to_queue(lab, backend, address, bypass=""):
    routed(lab)
    lab.listener("server", address, 80)
    lab.iptables("router", backend, f"-A FORWARD -p tcp --dport 80 -j NFQUEUE --queue-num 7 {bypass}")


def owner_drops(lab, address):
    owner = lab.helper("router", "queue_owner.py", 7, "drop")
    expected = queued(lab)
    # Its owner's verdict, its closing the queue and a later entry of the hook free it in one and the same place.
    expected["confidence"] = "partial"
    row = dies(lab, "client", address, 80, expected)[0]
    evidence = " ".join(row["evidence"])
    check(f"[{owner.tgid}]" in evidence or "python" in evidence, f"its owner is not named: {evidence}")
    check("queue 7" in evidence, f"the queue is not named: {evidence}")
    expect({"next": contains("nfnetlink_queue")}, row)


def iptables_legacy(lab):
    send_to_queue(lab, "iptables-legacy", lab.v4(2, 2))
    owner_drops(lab, lab.v4(2, 2))


def iptables_legacy_ipv6(lab):
    send_to_queue(lab, "ip6tables-legacy", lab.v6(2, 2))
    owner_drops(lab, lab.v6(2, 2))


def nobody_listens(lab):
    send_to_queue(lab, "iptables-legacy", lab.v4(2, 2))
    row = dies(lab, "client", lab.v4(2, 2), 80, queued(lab))[0]
    check(any("no process listens" in words for words in row["evidence"]), f"evidence: {row['evidence']}")


def owner_accepts(lab):
    """What dies behind the queue is not its owner's doing."""
    send_to_queue(lab, "iptables-legacy", lab.v4(2, 2))
    lab.helper("router", "queue_owner.py", 7, "accept")
    lab.nft("server", "table ip lab { chain input { type filter hook input priority 0; tcp dport 80 drop; }; }")
    expected = queued(lab, "netfilter_drop")
    expected["where"] = {"netns": lab.inode("server"), "stage": "input", "function": "nft_do_chain", "rule": {"text": "tcp dport 80 drop"}}
    dies(lab, "client", lab.v4(2, 2), 80, expected)


def policy_engine(lab):
    """Where a process of kindnet's name owns kindnet's queue, policies were what decided, and none of them is in the kernel."""
    routed(lab)
    lab.listener("server", lab.v4(2, 2), 80)
    lab.iptables("router", "iptables-legacy", "-A FORWARD -p tcp --dport 80 -j NFQUEUE --queue-num 101")
    lab.helper("router", "queue_owner.py", 101, "drop", "kindnetd")
    expected = queued(lab)
    expected["confidence"] = "partial"
    expected["means"] = {"kind": "NetworkPolicy", "engine": "kindnetd", "name": None, "text": contains("not in the kernel")}
    dies(lab, "client", lab.v4(2, 2), 80, expected)


def nft(lab):
    routed(lab)
    lab.listener("server", lab.v4(2, 2), 80)
    try:
        lab.nft("router", "table ip lab { chain forward { type filter hook forward priority 0; tcp dport 80 queue num 7; }; }")
    except LabError as error:
        if IN_GUEST:
            raise
        raise Skip("this kernel does not take nft's queue statement (CONFIG_NFT_QUEUE); those of the guests do") from error
    owner_drops(lab, lab.v4(2, 2))


if __name__ == "__main__":
    main(54, __doc__, iptables_legacy, iptables_legacy_ipv6, nobody_listens, owner_accepts, policy_engine, nft)
