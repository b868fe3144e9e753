# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""TCP Fast Open: the SYN carries data, and the answer acknowledges more than the SYN. A connection that works gets no row.

  client eth0 ────── eth0 server
  10.43.1.2         10.43.1.3:80 listens
"""

import sys

from expect import check, expect
from scenario import main
from topology import pair

# Both sides, without cookies, for every listener.
WITHOUT_COOKIES = 0x607
CLIENT = """
import socket, sys
client = socket.socket()
client.sendto(b"hello", socket.MSG_FASTOPEN, (sys.argv[1], int(sys.argv[2])))
client.recv(8)
# Longer than any silence after which an attempt is reported.
client.settimeout(3.5)
try:
    client.recv(8)
except TimeoutError:
    pass
"""


def works(lab):
    pair(lab)
    for netns in ("client", "server"):
        lab.sysctl(netns, "net.ipv4.tcp_fastopen", WITHOUT_COOKIES)
    lab.listener("server", lab.v4(1, 3), 80)
    synfate = lab.synfate("trace", "--netns", lab.inode("client"))
    lab.run("client", sys.executable, "-I", "-S", "-c", CLIENT, lab.v4(1, 3), "80")
    used = lab.run("server", "nstat", "-asz", "TcpExtTCPFastOpenPassive")
    check(any(line.split()[1] == "1" for line in used.splitlines() if line.startswith("TcpExt")), f"no data in the SYN: {used}")
    done = synfate.stop()
    check(not done.attempts(), f"a row about a connection that worked: {done.attempts()}")
    expect({"attempts": {"established": 1}}, done.summary)


if __name__ == "__main__":
    main(43, __doc__, works)
