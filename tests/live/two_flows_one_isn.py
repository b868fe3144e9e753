# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Senders that use one constant initial sequence number, as scanners do: attempts of one ISN at the same time, and no row is mixed.

  client eth0 ────── eth0 server            twin eth0 ────── eth0 other
  10.33.1.2         10.33.1.3               10.33.1.2        10.33.1.3
             input: even ports drop                   nobody listens
             odd ports: nobody listens
"""

from expect import at_least, check, expect
from scenario import main
from topology import pair

ISN = 0x5CA77E12
DROP_EVEN = "table ip lab { chain input { type filter hook input priority 0; tcp dport { 80, 82, 84, 86, 88 } drop; }; }"
DROP_EVEN_6 = DROP_EVEN.replace("table ip lab", "table ip6 lab")


def sender(lab, netns, source, destination, *flows):
    agent = lab.agent(netns, "syns", source, destination, *(f"{sport}:{dport}:{ISN}" for sport, dport in flows))
    agent.report()
    return agent


def send(*agents):
    """All of them at the same time; returns when each has sent."""
    for agent in agents:
        agent.process.stdin.write(b"\n")
        agent.process.stdin.flush()
    for agent in agents:
        agent.report()


def decided(lab, server, dport):
    if dport % 2 == 0:
        return {"fate": "dropped", "cause": "netfilter_drop", "where": {"netns": lab.inode(server), "stage": "input"}}
    return {"fate": "refused", "cause": "no_listener", "where": {"netns": lab.inode(server)}}


def own_syns(row, sent):
    """A row says what there was when it was printed, which may be before the last of them was sent."""
    check(1 <= row["syns"] <= sent, f"{row['syns']} SYNs of {sent}: some are another's")


def one_row_each(lab, synfate, server, sport_of, rounds):
    """Each port has one row, with its own fate, its own SYNs and nothing but its own packets in its path."""
    for dport, sport in sport_of.items():
        flow = {"flow": {"sport": sport, "dport": dport}, "isn": ISN}
        synfate.expect_attempt(flow, {**decided(lab, server, dport), "syns": at_least(1)})
    done = synfate.stop()
    for dport, sport in sport_of.items():
        rows = done.attempts({"flow": {"sport": sport, "dport": dport}})
        check(len(rows) == 1, f"{len(rows)} rows for port {dport}")
        expect({**decided(lab, server, dport), "isn": ISN}, rows[0])
        if dport % 2 == 0:
            own_syns(rows[0], rounds)
        ends = {end.rsplit(":", 1)[1] for hop in rows[0]["path"] for end in (hop["src"], hop["dst"])}
        check(ends == {str(sport), str(dport)}, f"ports {ends} in the path of {sport} → {dport}")
    check(len(done.attempts({"isn": ISN})) == len(sport_of), "rows that nobody asked for")


def two_ports(lab):
    """One sender, one ISN, two flows: one dropped by a rule, one refused by a closed port."""
    pair(lab)
    lab.nft("server", DROP_EVEN)
    synfate = lab.synfate("trace", "--netns", lab.inode("client"))
    agent = sender(lab, "client", lab.v4(1, 2), lab.v4(1, 3), (40080, 80), (40081, 81))
    for _ in range(3):
        send(agent)
    one_row_each(lab, synfate, "server", {80: 40080, 81: 40081}, 3)


def two_ports_ipv6(lab):
    pair(lab)
    lab.nft("server", DROP_EVEN_6)
    synfate = lab.synfate("trace", "--netns", lab.inode("client"))
    agent = sender(lab, "client", lab.v6(1, 2), lab.v6(1, 3), (40080, 80), (40081, 81))
    for _ in range(2):
        send(agent)
    one_row_each(lab, synfate, "server", {80: 40080, 81: 40081}, 2)


def two_senders(lab):
    """Two processes of one namespace, one ISN, the same destination and port."""
    pair(lab)
    lab.nft("server", DROP_EVEN)
    synfate = lab.synfate("trace", "--netns", lab.inode("client"))
    senders = [sender(lab, "client", lab.v4(1, 2), lab.v4(1, 3), (sport, 80)) for sport in (40001, 40002)]
    for _ in range(2):
        send(*senders)
    for sport in (40001, 40002):
        synfate.expect_attempt({"flow": {"sport": sport}}, decided(lab, "server", 80))
    done = synfate.stop()
    check(len(done.attempts()) == 2, f"{len(done.attempts())} rows for two attempts")
    for sport in (40001, 40002):
        own_syns(done.attempts({"flow": {"sport": sport}})[0], 2)


def one_flow_twice(lab):
    """The same ISN, addresses and ports in two pairs of namespaces: nothing in the packets tells them apart."""
    pair(lab)
    pair(lab, "twin", "other")
    lab.nft("server", DROP_EVEN)
    synfate = lab.synfate("trace", "--host", lab.v4(1, 0) + "/24")
    senders = [sender(lab, netns, lab.v4(1, 2), lab.v4(1, 3), (40080, 80)) for netns in ("client", "twin")]
    for _ in range(2):
        send(*senders)
    for client, server, outcome in (
        ("client", "server", decided(lab, "server", 80)),
        ("twin", "other", {"fate": "refused", "cause": "no_listener", "where": {"netns": lab.inode("other")}}),
    ):
        # Who sends is not known of a sender without a socket that connects: the path says where it came from.
        row = synfate.expect_attempt({"where": {"netns": lab.inode(server)}}, outcome)
        own_syns(row, 2)
        visited = {hop["netns"] for hop in row["path"]}
        check(visited == {lab.inode(client), lab.inode(server)}, f"the path of {client} passes through the namespaces {visited}")
    done = synfate.stop()
    check(len(done.attempts()) == 2, f"{len(done.attempts())} rows for two attempts")


def more_than_fit(lab):
    """More attempts of one ISN than the flight recorder keeps: the rest is counted and said, and still no row is mixed."""
    pair(lab)
    lab.nft("server", DROP_EVEN)
    ports = range(80, 90)
    synfate = lab.synfate("trace", "--host", lab.v4(1, 0) + "/24")
    agent = sender(lab, "client", lab.v4(1, 2), lab.v4(1, 3), *((40000 + port, port) for port in ports))
    send(agent)
    send(agent)
    for port in ports:
        if port % 2 == 0:
            synfate.expect_attempt({"flow": {"sport": 40000 + port, "dport": port}}, decided(lab, "server", port))
    synfate.wait_for(lambda line: line.get("code") == "attempts_untracked", 5, "a notice of untracked attempts")
    synfate.process.send_signal(2)
    done = synfate.finish()
    check(done.status == 3, f"exit status {done.status} where attempts had no record")
    rows = done.attempts({"isn": ISN})
    check(len(rows) == len({row["flow"]["dport"] for row in rows}), "two rows for one port")
    for row in rows:
        dport = row["flow"]["dport"]
        expect({"cause": decided(lab, "server", dport)["cause"], "flow": {"sport": 40000 + dport}}, row)
        # The RST that answers an attempt without a record cannot be joined to it: then it may not be sure that there was none.
        if row["fate"] != decided(lab, "server", dport)["fate"]:
            expect({"fate": "dropped", "cause": "no_listener", "confidence": "partial"}, row)


if __name__ == "__main__":
    main(33, __doc__, two_ports, two_ports_ipv6, two_senders, one_flow_twice, more_than_fit)
