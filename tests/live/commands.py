# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The commands that do not trace: pods knows the lab, doctor judges the machine; and namespaces that go while a trace looks at them.

  client eth0 ────── eth0 server
  10.32.1.2         10.32.1.3
"""

import json

import tool
from expect import check, expect
from scenario import main
from topology import pair

PORT = 4032


def json_lines(done):
    check(done.returncode in (0, 3), f"exit {done.returncode}: {done.stderr}")
    return [json.loads(line) for line in done.stdout.splitlines()]


def pods(lab):
    pair(lab)
    lines = json_lines(tool.once("pods", "--json"))
    check(lines[-1]["type"] == "summary", "the last line is not a summary")
    for name, peer, host in (("client", "server", 2), ("server", "client", 3)):
        known = [line for line in lines if line["type"] == "netns" and line["netns"] == lab.inode(name)]
        check(len(known) == 1, f"{len(known)} lines about netns {name}")
        expect({"v": 1, "name": name, "host": False}, known[0])
        devices = {device["name"]: device for device in known[0]["devices"]}
        expect({"kind": "veth", "up": True, "peer": {"netns": lab.inode(peer), "device": "eth0"}}, devices.get("eth0"))
        check(lab.v4(1, host) + "/24" in devices["eth0"]["addresses"], f"addresses: {devices['eth0']['addresses']}")
    said = tool.once("pods").stdout
    check("client" in said and "server" in said, f"said: {said}")


def doctor(_lab):
    done = tool.once("doctor")
    check(done.returncode in (0, 3) and done.stdout.strip(), f"exit {done.returncode}: {done.stdout}{done.stderr}")
    check(done.stderr == "" or done.returncode == 3, f"all is well, and yet: {done.stderr}")


def namespaces_that_go(lab):
    """Each is gone right after its one attempt, often before anything about it could be read."""
    attempts = 20
    synfate = lab.synfate("trace", "--port", PORT)
    inodes = []
    for _ in range(attempts):
        lab.netns("ghost")
        inodes.append(lab.inode("ghost"))
        lab.connect("ghost", "127.0.0.1", PORT, 2)
        lab.remove_netns("ghost")
    rows = synfate.stop().attempts({"flow": {"dport": PORT}})
    check([row["client"]["netns"] for row in rows] == inodes, f"attempts of {[row['client']['netns'] for row in rows]}, made in {inodes}")
    for row in rows:
        expect({"fate": "refused", "cause": "no_listener"}, row)


if __name__ == "__main__":
    main(32, __doc__, pods, doctor, namespaces_that_go)
