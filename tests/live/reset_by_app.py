# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The handshake completes, and the server ends the connection before it has said a word. What the client ends by itself, as a health check
does, and what ends after a word, is no row.

  client eth0 ────── eth0 server
  10.103.1.2          10.103.1.3:80 accepts, closes ✗
"""

from expect import check, expect
from scenario import main
from topology import flow, pair


def watched(lab, address, mode):
    pair(lab)
    server = lab.helper("server", "strict_server.py", address, 80, mode)
    return server, lab.synfate("trace", "--host", address)


def early(lab, server):
    return {
        "fate": "closed_early",
        "cause": "reset_by_app",
        "client": {"netns": lab.inode("client")},
        "server": {"netns": lab.inode("server")},
        "where": {"netns": lab.inode("server"), "stage": "socket"},
        "confidence": "exact",
        "next": f"journalctl _PID={server.tgid} -n 50",
    }


def told(lab, server, synfate, address, how):
    row = synfate.expect_attempt(flow(lab.v6(1, 2) if ":" in address else lab.v4(1, 2), address, 80), early(lab, server))
    evidence = " ".join(row["evidence"])
    check(f"python3[{server.tgid}] closed the server's end" in evidence, f"who closed it is not said: {evidence}")
    check(how in evidence, f"how it was closed is not said: {evidence}")
    done = synfate.stop()
    check(len(done.attempts()) == 1, f"{len(done.attempts())} rows for one connection")
    check(done.summary["attempts"] == {"closed_early": 1}, f"it is counted as something else too: {done.summary['attempts']}")


def fin(lab):
    server, synfate = watched(lab, lab.v4(1, 3), "fin")
    lab.agent("client", "linger", lab.v4(1, 3), 80).report()
    told(lab, server, synfate, lab.v4(1, 3), "with a FIN")


def rst(lab):
    server, synfate = watched(lab, lab.v6(1, 3), "rst")
    lab.agent("client", "linger", lab.v6(1, 3), 80).report()
    told(lab, server, synfate, lab.v6(1, 3), "with a RST")


def empty_reply(lab):
    """The client has asked already: its question is left unread."""
    server, synfate = watched(lab, lab.v4(1, 3), "unread")
    lab.agent("client", "linger", lab.v4(1, 3), 80, "GET / HTTP/1.0").report()
    told(lab, server, synfate, lab.v4(1, 3), "it had sent 14 bytes")


def never_accepted(lab):
    """A listener that goes takes with it what waits in its queue."""
    server, synfate = watched(lab, lab.v4(1, 3), "never")
    client = lab.agent("client", "linger", lab.v4(1, 3), 80)
    client.report()
    server.process.stdin.write(b"\n")
    server.process.stdin.flush()
    server.report()
    told(lab, server, synfate, lab.v4(1, 3), "it was never accepted")


def health_check(lab):
    """The client connects and closes: by FIN, and by RST."""
    _, synfate = watched(lab, lab.v4(1, 3), "never")
    lab.agent("client", "health", lab.v4(1, 3), 80, "fin").report()
    lab.agent("client", "health", lab.v4(1, 3), 80, "rst").report()
    done = synfate.stop()
    check(done.attempts() == [], f"rows about health checks: {done.attempts()}")
    check(done.summary["attempts"] == {"established": 2}, f"counted as {done.summary['attempts']}")


def half_closed(lab):
    """A server that reads on has not closed: it only says that it will not speak."""
    _, synfate = watched(lab, lab.v4(1, 3), "half-close")
    client = lab.agent("client", "linger", lab.v4(1, 3), 80, "upload")
    client.report()
    check(client.report()["ended"], "the lab does not work: the server spoke")
    done = synfate.stop()
    check(done.attempts() == [], f"rows about an upload: {done.attempts()}")
    check(done.summary["attempts"] == {"established": 1}, f"counted as {done.summary['attempts']}")


def corked(lab):
    """An answer that waits for more to come (TCP_CORK, as nginx does with tcp_nopush) goes out with the FIN: its server did speak."""
    _, synfate = watched(lab, lab.v4(1, 3), "corked")
    client = lab.agent("client", "linger", lab.v4(1, 3), 80)
    client.report()
    check(not client.report()["ended"], "the lab does not work: there was no answer")
    done = synfate.stop()
    check(done.attempts() == [], f"rows about an answer: {done.attempts()}")
    check(done.summary["attempts"] == {"established": 1}, f"counted as {done.summary['attempts']}")


def run(lab):
    """Where all attempts are printed, the row about it is revised."""
    pair(lab)
    lab.helper("server", "strict_server.py", lab.v4(1, 3), 80, "fin")
    synfate = lab.synfate("run", command=["nsenter", f"--net={lab.path('client')}", "python3", "-c", CONNECT % lab.v4(1, 3)])
    row = synfate.wait_attempt({"fate": "closed_early"})
    expect({"cause": "reset_by_app", "server": {"netns": lab.inode("server")}}, row)
    done = synfate.finish()
    check(done.status == 0, f"exit status {done.status}")
    check(len(done.attempts()) == 1, f"{len(done.attempts())} rows for one connection")


CONNECT = "import socket; s = socket.create_connection(('%s', 80), 5); s.recv(1)"


if __name__ == "__main__":
    main(103, __doc__, fin, rst, empty_reply, never_accepted, health_check, half_closed, corked, run)
