# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The router has the route but does not forward.

  client eth0 ────── toclient router toserver ────── eth0 server
  10.8.1.2          10.8.1.1  ✗  10.8.2.1          10.8.2.2:80 listens
                     ip_forward=0
"""

from expect import any_of, says
from scenario import main
from topology import routed
from usual import SURE, dies


def lost(lab, function, stage, sysctl, way, command):
    return {
        "fate": "dropped",
        "cause": "forwarding_off",
        "packet": "syn",
        "where": {"netns": lab.inode("router"), "stage": stage, "function": function, "reason": "IP_INADDRERRORS"},
        "confidence": SURE,
        "evidence": says(sysctl, f"the route that it would have taken: {way} dev toserver, table main"),
        "next": f"ip netns exec router sysctl {command}",
    }


def ipv4(lab):
    routed(lab)
    lab.listener("server", lab.v4(2, 2), 80)
    lab.sysctl("router", "net.ipv4.ip_forward", 0)
    sysctl = "net.ipv4.conf.toclient.forwarding = 0"
    dies(lab, "client", lab.v4(2, 2), 80, lost(lab, "ip_error", "route_in", sysctl, f"{lab.v4(2, 0)}/24", "net.ipv4.ip_forward"))


def ipv4_one_device(lab):
    """It forwards, but not what comes in by that device."""
    routed(lab)
    lab.listener("server", lab.v4(2, 2), 80)
    lab.sysctl("router", "net.ipv4.conf.toclient.forwarding", 0)
    sysctl, command = "net.ipv4.conf.toclient.forwarding = 0", "net.ipv4.ip_forward net.ipv4.conf.toclient.forwarding"
    dies(lab, "client", lab.v4(2, 2), 80, lost(lab, "ip_error", "route_in", sysctl, f"{lab.v4(2, 0)}/24", command))


def ipv6(lab):
    routed(lab)
    lab.listener("server", lab.v6(2, 2), 80)
    lab.sysctl("router", "net.ipv6.conf.all.forwarding", 0)
    stage, sysctl = any_of("forward", "route_in"), "net.ipv6.conf.all.forwarding = 0"
    dies(lab, "client", lab.v6(2, 2), 80, lost(lab, "ip6_forward", stage, sysctl, f"{lab.v6(2, 0)[:-1]}/64", "net.ipv6.conf.all.forwarding"))


if __name__ == "__main__":
    main(8, __doc__, ipv4, ipv4_one_device, ipv6)
