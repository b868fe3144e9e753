# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The two wirings that most labs share; each test draws its own. It adds no rule and starts no process."""


def pair(lab, client="client", server="server"):
    """client eth0 (subnet 1, host 2) --- (subnet 1, host 3) eth0 server"""
    lab.netns(client, server)
    lab.veth(client, "eth0", server, "eth0")
    lab.address(client, "eth0", *lab.both(1, 2))
    lab.address(server, "eth0", *lab.both(1, 3))
    lab.settle()


def routed(lab, server=True):
    """client eth0 (1, 2) --- (1, 1) toclient router toserver (2, 1) --- (2, 2) eth0 server; the client's default is the router."""
    lab.netns("client", "router")
    lab.veth("client", "eth0", "router", "toclient")
    lab.address("client", "eth0", *lab.both(1, 2))
    lab.address("router", "toclient", *lab.both(1, 1))
    lab.route("client", f"default via {lab.v4(1, 1)}", f"::/0 via {lab.v6(1, 1)}")
    lab.forwarding("router")
    if server:
        lab.netns("server")
        lab.veth("router", "toserver", "server", "eth0")
        lab.address("router", "toserver", *lab.both(2, 1))
        lab.address("server", "eth0", *lab.both(2, 2))
        lab.route("server", f"default via {lab.v4(2, 1)}", f"::/0 via {lab.v6(2, 1)}")
    lab.settle()


def bridged(lab):
    """client and server eth0 (subnet 1, hosts 2 and 3) --- toclient, toserver: ports of br0 in node, which knows where the server is."""
    lab.netns("client", "node", "server")
    for netns, host in (("client", 2), ("server", 3)):
        lab.veth(netns, "eth0", "node", f"to{netns}")
        lab.address(netns, "eth0", *lab.both(1, host))
    lab.bridge("node", "br0", "toclient", "toserver")
    lab.settle()
    lab.neighbours("client", "eth0", "server", "eth0", *lab.both(1, 3))
    lab.run("node", "bridge", "fdb", "replace", lab.mac("server", "eth0"), "dev", "toserver", "master", "static")


def flow(source, destination, dport):
    """How an attempt of a lab is told from its others: the flow as the client sent it."""
    return {"flow": {"family": 6 if ":" in destination else 4, "src": source, "dst": destination, "dport": dport}}
