# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A bridge whose ports do not all forward: by the spanning tree's word, because nothing is plugged in, or because the bridge is down.

  client eth0 ────── toclient br0 toserver ────── eth0 server
  10.88.1.2                ✗ node ✗               10.88.1.3
"""

from expect import contains
from scenario import main
from topology import bridged
from usual import SURE, dies, says


def kept_out(lab, *words, command="bridge -d link show dev toclient", confidence=SURE):
    return {
        "fate": "dropped",
        "cause": "bridge_port_state",
        "packet": "syn",
        "where": {"netns": lab.inode("node"), "device": "toclient", "stage": "bridge"},
        "confidence": confidence,
        "evidence": says(*words),
        "next": contains(command),
    }


def state(lab, port, number):
    lab.run("node", "bridge", "link", "set", "dev", port, "state", str(number))


def listening(lab):
    bridged(lab)
    state(lab, "toclient", 1)
    dies(lab, "client", lab.v4(1, 3), 80, kept_out(lab, "bridge port toclient is listening"))


def learning(lab):
    bridged(lab)
    state(lab, "toclient", 2)
    dies(lab, "client", lab.v6(1, 3), 80, kept_out(lab, "bridge port toclient is learning"))


def the_other_port(lab):
    bridged(lab)
    state(lab, "toserver", 1)
    words = ("bridge port toserver is listening", "behind toserver")
    dies(lab, "client", lab.v4(1, 3), 80, kept_out(lab, *words, command="bridge -d link show dev toserver", confidence="strong"))


def unplugged(lab):
    bridged(lab)
    lab.unplug("node", "toserver", "server", "eth0")
    words = ("bridge port toserver is disabled", "toserver in netns node is up but has no carrier: its other end is down")
    dies(lab, "client", lab.v4(1, 3), 80, kept_out(lab, *words, command="ip -d link show dev toserver", confidence="strong"))


def bridge_down(lab):
    bridged(lab)
    lab.ip("node", "link set br0 down")
    dies(lab, "client", lab.v4(1, 3), 80, kept_out(lab, "the bridge br0 is down", command="ip -d link show dev br0"))


if __name__ == "__main__":
    main(88, __doc__, listening, learning, the_other_port, unplugged, bridge_down)
