# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Two connections that NAT gives the same address and port, because its rule leaves no choice: the second cannot be entered.

  client eth0 ────── toclient router toserver ────── eth0 server
  10.51.1.2         10.51.1.1     10.51.2.1        10.51.2.2:80 listens
                      postrouting: snat to 10.51.2.1:40000 ✗
"""

from expect import check, expect, some_text
from scenario import main
from tool import PATIENCE
from topology import routed
from usual import by_entry, dies, has_netfilter_links, says


def clash(lab):
    where = {"netns": lab.inode("router"), "stage": "postrouting", "device": "toserver", "function": "nf_hook_slow"}
    return {"fate": "dropped", "packet": "syn", **by_entry("conntrack_clash", where)}


def second(lab, address):
    """The first connection is there and stays."""
    lab.listener("server", address, 80)
    lab.holding("client", address, 80, 30001)
    row = dies(lab, "client", address, 80, clash(lab))[0]
    if row["cause"] != "conntrack_clash":
        return
    # The same entry of the hook drops for other reasons too.
    expect({"confidence": "strong", "next": some_text}, row)
    for part in ("confirm", "1 entr"):
        check(any(part in words for words in row["evidence"]), f"{part} is not in {row['evidence']}")


def nft(lab):
    routed(lab)
    head = "type nat hook postrouting priority 100"
    lab.nft("router", f"table ip lab {{ chain post {{ {head}; ip protocol tcp snat to {lab.v4(2, 1)}:40000; }}; }}")
    second(lab, lab.v4(2, 2))


def nft_ipv6(lab):
    routed(lab)
    head = "type nat hook postrouting priority 100"
    lab.nft("router", f"table ip6 lab {{ chain post {{ {head}; meta l4proto tcp snat to [{lab.v6(2, 1)}]:40000; }}; }}")
    second(lab, lab.v6(2, 2))


def iptables_legacy(lab):
    routed(lab)
    lab.iptables("router", "iptables-legacy", f"-t nat -A POSTROUTING -p tcp -j SNAT --to-source {lab.v4(2, 1)}:40000")
    second(lab, lab.v4(2, 2))


def late(lab, lost):
    """As many of its SYNs die at confirm, then NAT has room: the connection is there, as late as the kernel's first pauses are long."""
    routed(lab)
    linear = "net.ipv4.tcp_syn_linear_timeouts"  # since 6.5 (ccce324dabfe): without it the second pause is twice the first
    if lab.has_sysctl("client", linear):
        lab.sysctl("client", linear, 0)
    rules = "table ip lab {{ chain post {{ type nat hook postrouting priority 100; ip protocol tcp snat to {}:{}; }}; }}"
    lab.nft("router", rules.format(lab.v4(2, 1), "40000"))
    lab.listener("server", lab.v4(2, 2), 80)
    lab.holding("client", lab.v4(2, 2), 80, 30001)
    synfate = lab.synfate("trace", "--dst", lab.v4(2, 2))
    client = lab.connecting("client", lab.v4(2, 2), 80, timeout=20)
    lab.wait_until(lambda: lab.conntrack_counter("router", "insert_failed") >= lost, "conntrack has not refused so many")
    lab.nft("router", "delete table ip lab; " + rules.format(lab.v4(2, 1), "40001-40999"))
    outcome = client.outcome(30)
    check(outcome["errno"] == 0, f"the lab does not work: {outcome}")
    made = {"fate": "established", "cause": "established"}
    # Where the kernel does not say which entry of the hook it was, the row says where the SYN died, and blames nobody.
    known = has_netfilter_links()
    row = synfate.expect_attempt({"syns": lost + 1}, {**made, "next": some_text} if known else made, 10)
    synfate.stop()
    words = f"{lost} SYN{'s' * (lost > 1)} lost in netns router at conntrack's confirm"
    if known or row["next"]:
        check(any(words in note for note in row["notes"]), f"{words} is not in {row['notes']}")
    else:
        expect({"evidence": says(f"{lost + 1} SYNs were needed", "an earlier SYN was dropped at toserver"), "notes": []}, row)
    return outcome["elapsed"]


def one_second(lab):
    check(0.9 < late(lab, 1) < (1.9 if PATIENCE == 1 else 30), "it is not late by one second")


def three_seconds(lab):
    check(2.9 < late(lab, 2) < (3.9 if PATIENCE == 1 else 60), "it is not late by three seconds")


if __name__ == "__main__":
    main(51, __doc__, nft, nft_ipv6, iptables_legacy, one_second, three_seconds)
