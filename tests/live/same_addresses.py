# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Two pairs of namespaces use the same addresses and ports at the same time, and fail differently: two rows, none of them mixed.

  client1 eth0 ────── eth0 server1      client2 eth0 ────── eth0 server2
  10.23.1.2        ✗ 10.23.1.3:80       10.23.1.2          10.23.1.3:80
             input: drop                              nobody listens
"""

from expect import check, expect
from scenario import main
from topology import pair

SPORT = 40023


def two_pairs(lab):
    pair(lab, "client1", "server1")
    pair(lab, "client2", "server2")
    lab.listener("server1", lab.v4(1, 3), 80)
    lab.nft("server1", "table ip lab { chain input { type filter hook input priority 0; tcp dport 80 drop; }; }")
    synfate = lab.synfate("trace", "--host", lab.v4(1, 0) + "/24")
    clients = [lab.connecting(name, lab.v4(1, 3), 80, 1.5, sport=SPORT) for name in ("client1", "client2")]
    flow = {"family": 4, "src": lab.v4(1, 2), "sport": SPORT, "dst": lab.v4(1, 3), "dport": 80}
    rows = []
    for client, server, agent, cause in (
        ("client1", "server1", clients[0], "netfilter_drop"),
        ("client2", "server2", clients[1], "no_listener"),
    ):
        expected = {"flow": flow, "cause": cause, "where": {"netns": lab.inode(server)}}
        row = synfate.expect_attempt({"client": {"netns": lab.inode(client)}}, expected)
        expect({"client": {"tgid": agent.tgid}}, row)
        strangers = {hop["netns"] for hop in row["path"]} - {lab.inode(client), lab.inode(server)}
        check(not strangers, f"the path of {client} passes through the namespaces {strangers}")
        rows.append(row)
    check(rows[0]["id"] != rows[1]["id"], "one id for two attempts")
    for agent in clients:
        agent.outcome(5)
    done = synfate.stop()
    check(len(done.attempts()) == 2, f"{len(done.attempts())} rows for two attempts")


if __name__ == "__main__":
    main(23, __doc__, two_pairs)
