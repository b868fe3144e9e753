# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Rulesets as large as those of big nodes, each with one rule (or element) that is known to drop SYNs to `address`. It sends nothing."""

from topology import routed

LEGACY_CHAINS, NFT_RULES = 2000, 20000
# Behind many others, so that what is found by luck at the beginning is not found.
WANTED = 1777
PORT = 80


class Case:
    """Rules in the namespace `router` of a routed lab, and what synfate has to say of a SYN to `address`."""

    def __init__(self, rules, address, rule, revision=1):
        self.rules, self.address, self.rule, self.revision = rules, address, rule, revision


def services(lab):
    """A routed lab with room behind it for the addresses of thousands of services."""
    routed(lab)
    lab.route("router", f"10.{lab.number}.128.0/17 via {lab.v4(2, 2)}")


def service(lab, i):
    return f"10.{lab.number}.{128 + i // 250}.{1 + i % 250}"


def name_of(i):
    return f"SVC-{i:04}-TCVP7JUL"


def legacy(lab):
    """15,000 rules in 2,000 chains of iptables-legacy's filter table, laid out as kube-proxy's are."""
    lines = ["*filter", ":INPUT ACCEPT [0:0]", ":FORWARD ACCEPT [0:0]", ":OUTPUT ACCEPT [0:0]", ":KUBE-SERVICES - [0:0]"]
    lines += [f":KUBE-{name_of(i)} - [0:0]" for i in range(LEGACY_CHAINS)]
    lines.append("-A FORWARD -j KUBE-SERVICES")
    count = 1
    for i in range(LEGACY_CHAINS):
        lines.append(
            f'-A KUBE-SERVICES -d {service(lab, i)}/32 -p tcp -m comment --comment "ns-{i}/svc:http cluster IP" -m tcp --dport {PORT} '
            f"-j KUBE-{name_of(i)}"
        )
        count += 1
        accepting = 5 + i % 2 - (i == LEGACY_CHAINS - 1)
        lines += [f"-A KUBE-{name_of(i)} -s 192.168.{n}.0/24 -j ACCEPT" for n in range(accepting)]
        lines.append(f'-A KUBE-{name_of(i)} -p tcp -m comment --comment "ns-{i}/svc:http has no policy" -m tcp --dport {PORT} -j DROP')
        count += accepting + 1
    assert count == 15000, count
    lab.run("router", "iptables-legacy-restore", stdin="\n".join([*lines, "COMMIT", ""]))
    rule = {
        "backend": "iptables-legacy",
        "family": "ip",
        "table": "filter",
        "chain": f"KUBE-{name_of(WANTED)}",
        "number": 5 + WANTED % 2 + 1,
        "policy": False,
        "text": f'-A KUBE-{name_of(WANTED)} -p tcp -m comment --comment "ns-{WANTED}/svc:http has no policy" -m tcp --dport {PORT} -j DROP',
        "comment": f"ns-{WANTED}/svc:http has no policy",
    }
    return Case("15,000 rules of iptables-legacy in 2,000 chains", service(lab, WANTED), rule, revision=2)


def nft_rule(chain, number, text, **more):
    return {"backend": "nft", "family": "ip", "table": "big", "chain": chain, "number": number, "policy": False, "text": text, **more}


def one_chain(lab):
    wanted = NFT_RULES * WANTED // 2000
    words = [f'ip daddr {service(lab, i)} tcp dport {PORT} drop comment "rule {i}"' for i in range(NFT_RULES)]
    begin = "type filter hook forward priority 0;"
    lab.nft("router", "table ip big {\n chain forward {\n" + "\n".join([begin, *words]) + "\n }\n}\n")
    rule = nft_rule("forward", wanted + 1, words[wanted], comment=f"rule {wanted}")
    return Case("20,000 rules of nft in one chain", service(lab, wanted), rule)


def many_chains(lab):
    """2,000 chains of ten, the jump to each counted."""
    text = ["table ip big {"]
    for i in range(2000):
        rules = [f"ip saddr 192.168.{n}.0/24 accept" for n in range(8)] + [f'tcp dport {PORT} drop comment "ns-{i}"']
        text.append(f" chain c{i} {{ {'; '.join(rules)}; }}")
    jumps = "; ".join(f"ip daddr {service(lab, i)} jump c{i}" for i in range(2000))
    text.append(f" chain forward {{ type filter hook forward priority 0; {jumps}; }}\n}}\n")
    lab.nft("router", "\n".join(text))
    rule = nft_rule(f"c{WANTED}", 9, f'tcp dport {PORT} drop comment "ns-{WANTED}"', comment=f"ns-{WANTED}")
    return Case("20,000 rules of nft in 2,000 chains", service(lab, WANTED), rule)


def verdict_maps(lab):
    """Laid out as kube-proxy's nftables mode: a map leads to the service's chain, another refuses those without endpoints. `rule` is of the
    first; the second is no_endpoints()."""
    text = ["table ip big {"]
    for i in range(4000):
        endpoint = [f"ip saddr 192.168.{n}.0/24 accept" for n in range(2)] + [f'tcp dport {PORT} drop comment "endpoint {i}"']
        text.append(f" chain endpoint-{i} {{ {'; '.join(endpoint)}; }}")
        text.append(f" chain service-{i} {{ ip saddr 192.168.9.0/24 accept; numgen random mod 1 vmap {{ 0 : goto endpoint-{i} }}; }}")
    key = "type ipv4_addr . inet_proto . inet_service : verdict;"
    to_services = ",\n".join(f'{service(lab, i)} . tcp . {PORT} comment "ns-{i}/svc" : goto service-{i}' for i in range(4000))
    refused = ",\n".join(f'{service(lab, i)} . tcp . {PORT} comment "ns-{i}/none" : drop' for i in range(4000, 12000))
    text.append(f" map service-ips {{ {key} elements = {{ {to_services} }} }}")
    text.append(f" map no-endpoints {{ {key} elements = {{ {refused} }} }}")
    lookups = "; ".join(f"ip daddr . meta l4proto . th dport vmap @{name}" for name in ("no-endpoints", "service-ips"))
    text.append(f" chain forward {{ type filter hook forward priority 0; {lookups}; }}\n}}\n")
    lab.nft("router", "\n".join(text))
    rule = nft_rule(f"endpoint-{WANTED}", 3, f'tcp dport {PORT} drop comment "endpoint {WANTED}"', comment=f"endpoint {WANTED}")
    return Case("20,000 rules of nft behind a verdict map of 4,000", service(lab, WANTED), rule)


def no_endpoints(lab):
    verdict_maps(lab)
    wanted = 4000 + WANTED
    address = service(lab, wanted)
    element = f'{address} . tcp . {PORT} comment "ns-{wanted}/none" : drop'
    rule = nft_rule("forward", 1, "ip daddr . meta l4proto . th dport vmap @no-endpoints", element=element)
    return Case("a verdict map of 8,000 elements beside 20,000 rules of nft", address, rule)


CASES = (legacy, one_chain, many_chains, verdict_maps, no_endpoints)
