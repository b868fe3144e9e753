# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The server has an older connection from the same port in TIME_WAIT, and a SYN with an older sequence number comes, as from another host behind
the same NAT. Its answer, an ACK, would make the client send a RST that ends TIME_WAIT: tcp_rfc1337 makes the server ignore that.

  client eth0 ────── eth0 server
  10.101.1.2:5000     10.101.1.3:80, TIME_WAIT ✗
"""

from expect import check, contains
from scenario import main
from topology import pair
from usual import SURE, has_receiver


def met(lab, client, server):
    pair(lab)
    lab.has_module("tcp_diag")
    lab.sysctl("server", "net.ipv4.tcp_rfc1337", 1)
    lab.helper("server", "strict_server.py", server, 80, "fin")
    isn = (lab.agent("client", "meet", server, 80, 5000).report()["reached"] - 1000) % 2**32
    sender = lab.agent("client", "syns", client, server, f"5000:80:{isn}")
    sender.report()
    synfate = lab.synfate("trace", "--host", server)
    # A SYN that is answered with an ACK twice in half a second is not answered again (tcp_invalid_ratelimit): one is all it takes.
    sender.process.stdin.write(b"\n")
    sender.process.stdin.flush()
    sender.report()
    expected = {
        "fate": "dropped",
        "cause": "time_wait",
        "packet": "syn",
        "where": {"netns": lab.inode("server"), "stage": "socket"},
        "confidence": SURE,
        "next": contains("ss -Htano state time-wait 'sport = :80 and dport = :5000'"),
    }
    row = synfate.expect_attempt({"isn": isn}, expected)
    synfate.stop()
    evidence = " ".join(row["evidence"])
    told = "the socket that it met was in TIME_WAIT" if has_receiver() else "such a connection was in TIME_WAIT"
    check(told in evidence, f"evidence: {evidence}")


def ipv4(lab):
    met(lab, lab.v4(1, 2), lab.v4(1, 3))


def ipv6(lab):
    met(lab, lab.v6(1, 2), lab.v6(1, 3))


if __name__ == "__main__":
    main(101, __doc__, ipv4, ipv6)
