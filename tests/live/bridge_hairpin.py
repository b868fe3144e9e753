# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Two pods (macvlan in vepa mode) are behind one port of the node's bridge, and the port's hairpin mode is off: the bridge may not
send the SYN back where it came from.

  poda m0 ─┐ macvlan
           ├─ eth0 host ────── port0 ─ br0 node
  podb m0 ─┘ vepa                    ✗ hairpin off
  10.15.1.2, 10.15.1.3
"""

from expect import any_of
from scenario import main
from usual import SURE, dies


def vepa(lab):
    lab.netns("node", "host", "poda", "podb")
    lab.veth("host", "eth0", "node", "port0")
    lab.bridge("node", "br0", "port0")
    for netns, host in (("poda", 2), ("podb", 3)):
        lab.ip("host", f"link add link eth0 name m0 netns {netns} type macvlan mode vepa")
        lab.ip(netns, "link set m0 up")
        lab.address(netns, "m0", lab.v4(1, host))
    lab.settle()
    lab.neighbours("poda", "m0", "podb", "m0", lab.v4(1, 3))
    lab.run("node", "bridge", "fdb", "replace", lab.mac("podb", "m0"), "dev", "port0", "master", "static")
    lab.listener("podb", lab.v4(1, 3), 80)
    expected = {
        "fate": "dropped",
        "cause": "bridge_hairpin",
        "packet": "syn",
        "where": {
            "netns": lab.inode("node"),
            "device": any_of("port0", "br0"),
            "stage": "bridge",
            "function": any_of("br_forward", "br_handle_frame_finish", "__br_forward"),
        },
        "confidence": SURE,
    }
    dies(lab, "poda", lab.v4(1, 3), 80, expected)


if __name__ == "__main__":
    main(15, __doc__, vepa)
