# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""An IPsec policy of the server blocks what comes in plain, or wants it to come by IPsec; or the router's blocks what it forwards.

  client eth0 ────── router ────── eth0 server
  10.102.1.2       policy fwd ✗       10.102.2.2:80, policy in ✗
"""


from expect import check, contains
from lab import LabError, Skip
from scenario import main
from topology import routed
from usual import dies


def policy(lab, netns, words):
    try:
        lab.run(netns, "ip", "xfrm", "policy", "add", *words.split())
    except LabError as error:
        raise Skip(f"this kernel takes no IPsec policies (CONFIG_XFRM_USER): {error}") from error


def blocked(lab, netns, stage, address, words):
    expected = {
        "fate": "dropped",
        "cause": "xfrm",
        "packet": "syn",
        "where": {"netns": lab.inode(netns), "stage": stage, "reason": "XFRM_POLICY"},
        "confidence": "strong",
        "next": contains("ip xfrm policy"),
    }
    evidence = " ".join(dies(lab, "client", address, 80, expected)[0]["evidence"])
    check(words in evidence, f"the policy is not named: {evidence}")


def block_in(lab):
    routed(lab)
    lab.listener("server", lab.v4(2, 2), 80)
    policy(lab, "server", f"src {lab.v4(1, 0)}/24 dst {lab.v4(2, 2)}/32 dir in action block priority 7")
    blocked(lab, "server", "input", lab.v4(2, 2), f"src {lab.v4(1, 0)}/24 dst {lab.v4(2, 2)}/32 dir in action block priority 7")


def wants_ipsec(lab):
    routed(lab)
    lab.listener("server", lab.v6(2, 2), 80)
    policy(lab, "server", f"src ::/0 dst {lab.v6(2, 2)}/128 dir in priority 3 tmpl proto esp mode transport reqid 1")
    blocked(lab, "server", "input", lab.v6(2, 2), "dir in priority 3")


def forwarded(lab):
    routed(lab)
    lab.listener("server", lab.v4(2, 2), 80)
    policy(lab, "router", f"src {lab.v4(1, 2)}/32 dst 0.0.0.0/0 dir fwd action block")
    blocked(lab, "router", "forward", lab.v4(2, 2), "dir fwd action block")


if __name__ == "__main__":
    main(102, __doc__, block_in, wants_ipsec, forwarded)
