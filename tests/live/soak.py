# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Ten thousand connections that succeed, some with copies of their packets and some with retransmitted SYNs: not one of them is reported.

  pod eth0 ─── toclient ┐                     ┌ toserver ─── eth0 server 10.113.1.3:8080, and fd66:113:1::3
  10.113.1.2            └ br0 (10.113.1.1) ───┤ toworld ──── eth0 world 10.113.3.2:80
                          node                │ copying ──── eth1       10.113.4.2:81 (every packet twice)
                                              │ late ─────── late       10.113.6.2:82 (SYNs are 1.2 s on the way)
                                              └ tun0 ─────── (silent)
  service 10.113.9.10:80 → server, masqueraded; to the world masqueraded
"""

import json

from expect import at_least, check, expect
from guests import IN_GUEST
from scenario import main

# Emulated machines make a fifth of them.
SHARE = 5 if IN_GUEST else 1
TO_WORLD = {"toworld": 3, "copying": 4}
DIRECT, SERVICE, WORLD, IPV6, COPIED, LATE = (count // SHARE for count in (2500, 3000, 2500, 1000, 1000, 300))


def build(lab):
    lab.netns("pod", "node", "server", "world")
    lab.veth("pod", "eth0", "node", "toclient")
    lab.veth("server", "eth0", "node", "toserver")
    for number, (device, subnet) in enumerate(TO_WORLD.items()):
        lab.veth("world", f"eth{number}", "node", device)
        lab.address("node", device, lab.v4(subnet, 1))
        lab.address("world", f"eth{number}", lab.v4(subnet, 2))
    lab.bridge("node", "br0", "toclient", "toserver")
    lab.address("node", "br0", *lab.both(1, 1))
    lab.address("pod", "eth0", *lab.both(1, 2))
    lab.address("server", "eth0", *lab.both(1, 3))
    for netns in ("pod", "server"):
        lab.route(netns, f"default via {lab.v4(1, 1)}")
    lab.forwarding("node")
    lab.helper("node", "slow_wire.py", "late", lab.path("world"), 1.2)
    for netns, host in (("node", 1), ("world", 2)):
        lab.later(netns, "link set late up")
        lab.address(netns, "late", lab.v4(6, host))
    lab.settle()
    copies = f'ip daddr {lab.v4(4, 2)} tcp dport 81 dup to {lab.v4(4, 2)} device "copying";'
    lab.nft(
        "node",
        f"""table ip lab {{
              chain before {{ type nat hook prerouting priority -100; ip daddr {lab.v4(9, 10)} tcp dport 80 dnat to {lab.v4(1, 3)}:8080; }}
              chain after {{ type nat hook postrouting priority 100; ct status dnat masquerade; oifname != "br0" masquerade; }}
              chain forward {{ type filter hook forward priority 0; ct state invalid drop; {copies} }}
            }}""",
    )


def tell(agent):
    agent.process.stdin.write(b"\n")
    agent.process.stdin.flush()


def counter(lab, netns, name):
    """Of /proc/net/netstat, whose lines come in pairs: names, numbers."""
    lines = lab.run(netns, "cat", "/proc/net/netstat").splitlines()
    for names, numbers in zip(lines[::2], lines[1::2]):
        found = dict(zip(names.split(), numbers.split()))
        if name in found:
            return int(found[name])
    raise KeyError(name)


def ten_thousand(lab):
    build(lab)
    for netns, address, port in (
        ("server", lab.v4(1, 3), 8080),
        ("server", lab.v6(1, 3), 8080),
        ("world", lab.v4(3, 2), 80),
        ("world", lab.v4(4, 2), 81),
        ("world", lab.v4(6, 2), 82),
    ):
        lab.listener(netns, address, port, 2048)
    lab.tun("node", "tun0", lab.v4(5, 1))
    lab.settle()
    loads = (
        (lab.v4(1, 3), 8080, DIRECT, 16),
        (lab.v4(9, 10), 80, SERVICE, 16),
        (lab.v4(3, 2), 80, WORLD, 16),
        (lab.v6(1, 3), 8080, IPV6, 8),
        (lab.v4(4, 2), 81, COPIED, 8),
        (lab.v4(6, 2), 82, LATE, LATE),
    )
    client = lab.helper("pod", "soak_client.py", *[word for load in loads for word in load])
    synfate = lab.synfate("trace")
    tell(client)
    done = client.report(timeout=240)
    expect({"count": 0}, done)
    check(counter(lab, "pod", "TCPSynRetrans") >= LATE, "no SYN was sent again: this shows less")
    sent = json.loads(lab.command("ip", "-n", "node", "-s", "-j", "link", "show", "dev", "copying"))[0]["stats64"]
    check(sent["tx"]["packets"] > 1.5 * sent["rx"]["packets"], f"no packet was copied: {sent}")
    # A SYN of nobody's, which is told of once it is overdue: everything older has been told of by then.
    last = lab.agent("pod", "syns", lab.v4(1, 2), lab.v4(5, 9), "999:999:4242")
    last.report()
    tell(last)
    synfate.wait_attempt({"flow": {"dport": 999}}, 20)
    # With every packet twice, a record may have no room for all its hops: that is said, and is no failure of the attempt.
    ended = synfate.stop(lossless=False)
    ours = ended.attempts({"client": {"netns": lab.inode("pod")}})
    failures = [row for row in ours if row["fate"] != "established" and row["flow"]["dport"] != 999]
    check(not failures, f"{len(failures)} of them are reported, the first as: {failures[:1]}")
    expect({"attempts": {"established": at_least(sum(load[2] for load in loads))}}, ended.summary)


if __name__ == "__main__":
    main(113, __doc__, ten_thousand)
