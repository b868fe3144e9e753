# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A set or a verdict map decides: its element is named, with its comment, and so is the one that led to the rule's chain.

  client eth0 ────── toclient router toserver ────── eth0 server
  10.49.1.2         10.49.1.1  ✗  10.49.2.1        10.49.2.2:80 listens
                     forward: a set, a map
"""

from expect import contains, satisfies
from scenario import main
from topology import routed
from usual import NFT_DROPS_IN, dies, named_rule


def of(rule):
    return {
        "fate": "dropped",
        "cause": "netfilter_drop",
        "packet": "syn",
        "where": {"stage": "forward", "device": "toclient", "function": NFT_DROPS_IN, **rule},
        "confidence": "exact",
    }


def forward(lab, address, family, before, rule, expected):
    routed(lab)
    lab.listener("server", address, 80)
    head = "type filter hook forward priority 0"
    lab.nft("router", f"table {family} lab {{ {before} chain forward {{ {head}; tcp dport 81 accept; {rule}; }}; }}")
    dies(lab, "client", address, 80, {"revision": 1, **of(expected)})


def set_element(lab):
    ours = lab.v4(1, 2)
    elements = f'elements = {{ 192.0.2.1 comment "another", {ours} comment "client of team red" }}'
    rule = "ip saddr @denied drop"
    named = named_rule(rule, number=2, element=contains(f'{ours} comment "client of team red"'))
    forward(lab, lab.v4(2, 2), "ip", f"set denied {{ type ipv4_addr; {elements}; }};", rule, named)


def interval_element(lab):
    elements = f'elements = {{ {lab.v6(1, 0)}/112 comment "all of the pods", 2001:db8::/32 }}'
    rule = "ip6 saddr @denied drop"
    found = satisfies("the whole range with its comment", lambda text: text is not None and "/112" in text and "all of the pods" in text)
    named = named_rule(rule, family="inet", number=2, element=found)
    forward(lab, lab.v6(2, 2), "inet", f"set denied {{ type ipv6_addr; flags interval; {elements}; }};", rule, named)


def map_element(lab):
    key = f"{lab.v4(2, 2)} . tcp . 80"
    elements = f'elements = {{ 192.0.2.1 . tcp . 80 : accept, {key} comment "shop/web:http" : drop }}'
    rule = "ip daddr . ip protocol . tcp dport vmap @services"
    text = "ip daddr . ip protocol . tcp dport vmap @services"
    named = named_rule(text, number=2, element=contains(f'{key} comment "shop/web:http" : drop'))
    forward(lab, lab.v4(2, 2), "ip", f"map services {{ type ipv4_addr . inet_proto . inet_service : verdict; {elements}; }};", rule, named)


def anonymous_map(lab):
    rule = "tcp dport vmap { 80 : drop, 443 : accept }"
    forward(lab, lab.v4(2, 2), "ip", "", rule, named_rule(rule, number=2, element=contains("80 : drop")))


def by_map(lab, verb):
    """The rule is in a chain that a map leads to, as kube-proxy's and a firewall's are."""
    key = f"{lab.v4(2, 2)} . 80"
    elements = f'elements = {{ 192.0.2.1 . 80 : {verb} other, {key} comment "shop/web:http" : {verb} shop }}'
    chains = "chain other { drop; }; chain shop { tcp dport 81 drop; counter drop; };"
    before = f"{chains} map services {{ type ipv4_addr . inet_service : verdict; {elements}; }};"
    packets = satisfies("the drop with its counter", lambda text: text is not None and text.startswith("counter packets ") and text.endswith(" drop"))
    named = named_rule(packets, "shop", number=2, via=contains(f'{key} comment "shop/web:http" : {verb} shop'))
    forward(lab, lab.v4(2, 2), "ip", before, "ip daddr . tcp dport vmap @services", named)


def jump_by_map(lab):
    by_map(lab, "jump")


def goto_by_map(lab):
    by_map(lab, "goto")


if __name__ == "__main__":
    main(49, __doc__, set_element, interval_element, map_element, anonymous_map, jump_by_map, goto_by_map)
