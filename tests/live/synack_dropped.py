# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The SYN arrives, and the SYN-ACK dies on its way back.

  client eth0 ────── toclient router toserver ────── eth0 server
  10.22.1.2         10.22.1.1  ✗  10.22.2.1        10.22.2.2:80 listens
                     forward: drop SYN-ACK
"""

from expect import says
from scenario import main
from topology import routed
from usual import NFT_DROPS_IN, SURE, dies, named_rule


def lost(lab):
    return {
        "fate": "dropped",
        "cause": "netfilter_drop",
        "packet": "synack",
        "where": {
            "netns": lab.inode("router"),
            "stage": "forward",
            "device": "toserver",
            "function": NFT_DROPS_IN,
            "reason": "NETFILTER_DROP",
            **named_rule("tcp sport 80 tcp flags syn,ack / syn,ack drop", family="inet"),
        },
        "confidence": SURE,
        "evidence": says("the peer did answer: its SYN-ACK left by eth0 in netns server"),
    }


def on_the_way_back(lab, address):
    routed(lab)
    lab.listener("server", address, 80)
    rule = "tcp sport 80 tcp flags & (syn | ack) == syn | ack drop"
    lab.nft("router", f"table inet lab {{ chain forward {{ type filter hook forward priority 0; {rule}; }}; }}")
    dies(lab, "client", address, 80, lost(lab))


def ipv4(lab):
    on_the_way_back(lab, lab.v4(2, 2))


def ipv6(lab):
    on_the_way_back(lab, lab.v6(2, 2))


if __name__ == "__main__":
    main(22, __doc__, ipv4, ipv6)
