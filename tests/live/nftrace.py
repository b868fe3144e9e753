# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""--nftrace: the rules that a SYN met, in order, of every kind of ruleset, in each namespace in scope.

  client eth0 ────── toclient router toserver ────── eth0 server
  10.60.1.2         10.60.1.1  ✗   10.60.2.1        10.60.2.2:80 listens
"""

import ctypes
import json
import os
import tempfile

import tool
from expect import check, expect
from scenario import main
from topology import routed

CLONE_NEWNET = 0x40000000

RULES = """table inet lab {
  chain services { tcp dport 81 accept; tcp dport 80 counter jump policies; }
  chain policies { ip version 4 goto verdicts; }
  chain verdicts { tcp dport 443 accept; tcp dport 80 drop; }
  chain prerouting { type filter hook prerouting priority -300; tcp dport 80 counter; }
  chain forward { type filter hook forward priority 0; policy accept; ct state invalid drop; meta l4proto tcp jump services; }
}"""


def step(lab, netns, family, table, chain, verdict, **more):
    return {"netns": lab.inode(netns), "family": family, "table": table, "chain": chain, "verdict": verdict, **more}


def traced(lab, *arguments, client="client", destination=None, port=80, **partial):
    """The row about one connect() that is dropped while rules are traced, and all that synfate said."""
    synfate = lab.synfate("trace", "--nftrace", *arguments)
    lab.connect(client, destination or lab.v4(2, 2), port, 0.3)
    row = synfate.expect_attempt({"flow": {"dport": port}}, {"fate": "dropped", **partial})
    done = synfate.stop()
    expect({"tier": "4"}, done.summary)
    return row, done


def check_path(row, expected):
    found = row.get("rule_path", [])
    check(len(found) == len(expected), f"{len(found)} rules, expected {len(expected)}: {found}")
    for wanted, actual in zip(expected, found):
        expect(wanted, actual)


def handles(lab, netns, table):
    """{chain: [handle of its first rule, of its second, ...]}"""
    listed = json.loads(lab.run(netns, "nft", "-j", "-a", "list", "table", *table.split()))["nftables"]
    found = {}
    for entry in listed:
        if "rule" in entry:
            found.setdefault(entry["rule"]["chain"], []).append(entry["rule"]["handle"])
    return found


def nft_with_jumps(lab):
    routed(lab)
    lab.nft("router", RULES)
    at = handles(lab, "router", "inet lab")
    row, _ = traced(lab, "--netns", lab.inode("router"))
    rule = {"number": None, "policy": False, "backend": None}
    check_path(
        row,
        [
            step(lab, "router", "inet", "lab", "prerouting", "continue", handle=at["prerouting"][0], **rule),
            step(lab, "router", "inet", "lab", "prerouting", "accept", handle=None, policy=True),
            step(lab, "router", "inet", "lab", "forward", "jump", handle=at["forward"][1], target="services", **rule),
            step(lab, "router", "inet", "lab", "services", "jump", handle=at["services"][1], target="policies", **rule),
            step(lab, "router", "inet", "lab", "policies", "goto", handle=at["policies"][0], target="verdicts", **rule),
            step(lab, "router", "inet", "lab", "verdicts", "drop", handle=at["verdicts"][1], target=None, **rule),
        ],
    )


def policy_ipv6(lab):
    routed(lab)
    lab.nft("router", "table ip6 lab { chain forward { type filter hook forward priority 0; policy drop; tcp dport 81 accept; }; }")
    row, _ = traced(lab, "--netns", lab.inode("router"), destination=lab.v6(2, 2))
    check_path(row, [step(lab, "router", "ip6", "lab", "forward", "drop", policy=True, handle=None)])


def iptables_nft(lab):
    routed(lab)
    lab.iptables("server", "iptables-nft", "-N MINE")
    lab.iptables("server", "iptables-nft", "-A INPUT -p tcp -j MINE")
    lab.iptables("server", "iptables-nft", "-A MINE -p tcp --dport 81 -j ACCEPT")
    lab.iptables("server", "iptables-nft", "-A MINE -p tcp --dport 80 -j DROP")
    at = handles(lab, "server", "ip filter")
    row, _ = traced(lab, "--netns", lab.inode("server"))
    check_path(
        row,
        [
            step(lab, "server", "ip", "filter", "INPUT", "jump", handle=at["INPUT"][0], target="MINE"),
            step(lab, "server", "ip", "filter", "MINE", "drop", handle=at["MINE"][1]),
        ],
    )


def legacy(lab, tables, address):
    routed(lab)
    family = "ip6" if ":" in address else "ip"
    lab.iptables("router", tables, "-t mangle -A PREROUTING -p tcp --dport 80 -j MARK --set-mark 7")
    lab.iptables("router", tables, "-N MINE")
    lab.iptables("router", tables, "-A FORWARD -p tcp --dport 81 -j ACCEPT")
    lab.iptables("router", tables, "-A FORWARD -j MINE")
    lab.iptables("router", tables, "-A MINE -p tcp --dport 80 -j DROP")
    row, done = traced(lab, "--netns", lab.inode("router"), destination=address)

    def xt(table, chain, verdict=None, **more):
        return step(lab, "router", family, table, chain, verdict, backend="iptables-legacy", handle=None, **more)

    check_path(
        row,
        [
            xt("mangle", "PREROUTING", number=1, policy=False),
            xt("mangle", "PREROUTING", number=None, policy=True),
            xt("mangle", "FORWARD", number=None, policy=True),
            xt("filter", "FORWARD", number=2, policy=False),
            xt("filter", "MINE", number=1, policy=False),
        ],
    )
    check(f"nf_log/{10 if family == 'ip6' else 2} of" in done.stderr and "nfnetlink_log instead of" in done.stderr, f"not said: {done.stderr}")


def iptables_legacy(lab):
    legacy(lab, "iptables-legacy", lab.v4(2, 2))


def iptables_legacy_ipv6(lab):
    legacy(lab, "ip6tables-legacy", lab.v6(2, 2))


def after_nat(lab):
    """Rules before and after two translations belong to one attempt; between them the packet has a flow that no device ever sees."""
    routed(lab)
    lab.listener("server", lab.v4(2, 2), 8080)
    nat = f"""table ip nat {{
      chain prerouting {{ type nat hook prerouting priority -100; tcp dport 80 dnat to {lab.v4(2, 2)}:8080; }}
      chain postrouting {{ type nat hook postrouting priority 100; oifname "toserver" snat to {lab.v4(2, 1)}; }}
    }}
    table ip lab {{ chain forward {{ type filter hook forward priority 0; tcp dport 8080 counter; }}; }}"""
    lab.nft("router", nat)
    lab.nft("server", "table ip lab { chain input { type filter hook input priority 0; tcp dport 8080 drop; }; }")
    row, _ = traced(lab, "--netns", lab.inode("router"), destination=lab.v4(1, 1))
    check_path(
        row,
        [
            step(lab, "router", "ip", "nat", "prerouting", "accept", policy=False),
            step(lab, "router", "ip", "lab", "forward", "continue"),
            step(lab, "router", "ip", "lab", "forward", "accept", policy=True),
            step(lab, "router", "ip", "nat", "postrouting", "accept", policy=False),
        ],
    )


def every_namespace(lab):
    """Without --netns all that are known are in scope: here only the lab's, since the test itself moves to one of its own."""
    check(ctypes.CDLL(None).unshare(CLONE_NEWNET) == 0, "no namespace for the test itself")
    routed(lab)
    accept = "table inet lab { chain %s { type filter hook %s priority 0; tcp dport 80 accept; }; }"
    lab.nft("client", accept % ("at_client", "output"))
    lab.nft("router", accept % ("at_router", "forward"))
    lab.nft("server", "table inet lab { chain at_server { type filter hook input priority 0; tcp dport 80 drop; }; }")
    row, done = traced(lab, "--port", "80")
    check_path(
        row,
        [
            step(lab, "client", "inet", "lab", "at_client", "accept"),
            step(lab, "router", "inet", "lab", "at_router", "accept"),
            step(lab, "server", "inet", "lab", "at_server", "drop"),
        ],
    )
    check("nftrace_filter" in [gap["code"] for gap in done.summary["gaps"]], f"what --port does not trace is not said: {done.summary}")


def new_namespace(lab):
    """One that appears while the trace runs is traced too, within seconds."""
    check(ctypes.CDLL(None).unshare(CLONE_NEWNET) == 0, "no namespace for the test itself")
    synfate = lab.synfate("trace", "--nftrace")
    routed(lab)
    lab.nft("router", "table ip lab { chain forward { type filter hook forward priority 0; tcp dport 80 drop; }; }")
    deadline = tool.Deadline(10)
    while "synfate_trace" not in lab.run("router", "nft", "list", "tables"):
        check(not deadline.passed(), "the new namespace is not traced")
    lab.connect("client", lab.v4(2, 2), 80, 0.3)
    row = synfate.expect_attempt({"flow": {"dport": 80}}, {"fate": "dropped"})
    check_path(row, [step(lab, "router", "ip", "lab", "forward", "drop")])
    router = lab.inode("router")
    lab.remove_netns("router")
    # What synfate holds must not keep the namespace alive: the other end of its wire goes with it.
    while "eth0" in lab.ip("client", "-br link show"):
        check(not deadline.passed(), f"network namespace {router} is kept alive")
    synfate.stop()


def prefixes(lab):
    """Only what passes the filter is traced."""
    routed(lab)
    lab.nft("router", "table ip lab { chain forward { type filter hook forward priority 0; drop; }; }")
    synfate = lab.synfate("trace", "--nftrace", "--netns", lab.inode("router"), "--host", lab.v4(2, 0) + "/24", "--src", lab.v4(1, 2))
    rules = lab.run("router", "nft", "list", "ruleset")
    check(rules.count("nftrace set 1") == 4 and f"ip saddr {lab.v4(1, 2)}" in rules and f"ip daddr {lab.v4(2, 0)}/24" in rules, rules)
    lab.connect("client", lab.v4(2, 2), 80, 0.3)
    row = synfate.expect_attempt({"flow": {"dport": 80}}, {"fate": "dropped"})
    check_path(row, [step(lab, "router", "ip", "lab", "forward", "drop")])
    synfate.stop()


def for_people_and_replayed(lab):
    routed(lab)
    lab.nft("router", RULES)
    with tempfile.TemporaryDirectory() as directory:
        recording = os.path.join(directory, "recording")
        synfate = lab.synfate("trace", "--nftrace", "--netns", lab.inode("router"), recording=recording)
        lab.connect("client", lab.v4(2, 2), 80, 0.3)
        row = synfate.expect_attempt({"flow": {"dport": 80}}, {"fate": "dropped"})
        check(len(row["rule_path"]) == 6, f"{row}")
        synfate.stop()
        text = tool.once("replay", recording).stdout
        check("rules  router: inet lab prerouting" in text and "verdicts (handle" in text and " goto verdicts" in text, text)
        again = [json.loads(line) for line in tool.once("replay", "--json", recording).stdout.splitlines()]
    expect({"rule_path": row["rule_path"], "where": row["where"]}, [line for line in again if line["type"] == "attempt"][-1])


def bridge(lab):
    """A frame that is only bridged is traced where the namespace has rules of the family bridge."""
    lab.netns("client", "node", "server")
    lab.veth("client", "eth0", "node", "va")
    lab.veth("server", "eth0", "node", "vb")
    lab.bridge("node", "br0", "va", "vb")
    lab.address("client", "eth0", lab.v4(1, 2))
    lab.address("server", "eth0", lab.v4(1, 3))
    lab.settle()
    lab.nft("node", "table bridge lab { chain forward { type filter hook forward priority 0; ip protocol tcp tcp dport 80 drop; }; }")
    row, done = traced(lab, "--netns", lab.inode("node"), "--dst", lab.v4(1, 3), destination=lab.v4(1, 3))
    check_path(row, [step(lab, "node", "bridge", "lab", "forward", "drop")])
    check("table bridge synfate_trace_" in done.stderr, done.stderr)


def run_a_command(lab):
    routed(lab)
    lab.nft("router", RULES)
    words = ["nsenter", "--net=/run/netns/client", "--", "bash", "-c", f"exec 3<>/dev/tcp/{lab.v4(2, 2)}/80"]
    ended = tool.once("run", "--nftrace", "--netns", lab.inode("router"), "--json", "--", "timeout", "0.5", *words)
    check('"target":"verdicts"' in ended.stdout, ended.stdout)
    check("added table inet synfate_trace_" in ended.stderr, ended.stderr)


if __name__ == "__main__":
    by_nft = (nft_with_jumps, policy_ipv6, iptables_nft, after_nat, prefixes, bridge)
    main(60, __doc__, *by_nft, iptables_legacy, iptables_legacy_ipv6, for_people_and_replayed, run_a_command, every_namespace, new_namespace)
