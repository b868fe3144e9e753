# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Random rulesets for the three namespaces of topology.routed(), and the SYNs that are to meet them.

Everything comes from one random.Random: the same seed makes the same round. It knows no kernel and no synfate."""

import ipaddress
import math

from rule_matches import Address, AddressPort, AnySyn, Device, Never, OtherPort, Port, Ports, SourcePort, Spot, Syn, Verdict, VerdictMap
from rule_model import Chain, Rule, Table, World

CLIENT_OUT, CLIENT_POST = Spot("client", "output", oif="eth0"), Spot("client", "postrouting", oif="eth0")
INGRESS, PRE = Spot("router", "ingress", iif="toclient"), Spot("router", "prerouting", iif="toclient")
INPUT = Spot("router", "input", iif="toclient")
FORWARD = Spot("router", "forward", iif="toclient", oif="toserver")
POST = Spot("router", "postrouting", oif="toserver")
SERVER_PRE, SERVER_IN = Spot("server", "prerouting", iif="eth0"), Spot("server", "input", iif="eth0")
# By whether the SYN goes through the router.
WAYS = {
    True: [CLIENT_OUT, CLIENT_POST, INGRESS, PRE, FORWARD, POST, SERVER_PRE, SERVER_IN],
    False: [CLIENT_OUT, CLIENT_POST, INGRESS, PRE, INPUT],
}
SPOTS = list(dict.fromkeys(WAYS[True] + WAYS[False]))

BUILTIN = {"prerouting": "PREROUTING", "input": "INPUT", "forward": "FORWARD", "output": "OUTPUT", "postrouting": "POSTROUTING"}
# Of the tables of iptables: their priority, and the hooks where they have a chain.
XT_TABLES = {"raw": (-300, ("prerouting", "output")), "mangle": (-150, tuple(BUILTIN)), "filter": (0, ("input", "forward", "output"))}

# Where the NAT core stands in each hook; no other chain has these priorities.
NAT_ORDER = {"prerouting": -100, "output": -100, "input": 100, "postrouting": 100}

FIRST_PORT, FIRST_SOURCE_PORT = 2000, 20000
# Where a table's walk may be watched at once, in all namespaces: synfate watches four.
LEGACY_PLACES = 4

# A policy of drop leaves the rest of the traffic alone: answers, UDP, neighbour discovery.
LEFT_ALONE = (
    Never("meta l4proto != tcp", "! -p tcp"),
    Never("tcp flags & (syn | ack) != syn", "-p tcp -m tcp ! --syn"),
)
REJECTS = {
    ("nft", "ip"): ("", "icmp type admin-prohibited", "icmp type host-unreachable", "icmp type port-unreachable", "tcp reset"),
    ("nft", "ip6"): ("", "icmpv6 type admin-prohibited", "icmpv6 type port-unreachable", "tcp reset"),
    ("nft", "inet"): ("", "icmpx type admin-prohibited", "icmpx type port-unreachable", "tcp reset"),
    ("xt", "ip"): ("", "icmp-admin-prohibited", "icmp-host-unreachable", "icmp-port-unreachable", "tcp-reset"),
    ("xt", "ip6"): ("", "icmp6-adm-prohibited", "icmp6-port-unreachable", "tcp-reset"),
}
WORDS = ("deny", "policy for pod", "KUBE", "default/deny", "x:80", "allow-dns", "it's", "tier 2", "node", "ns/svc:p")


class Addresses:
    """The lab's; of each family two of the client, three of the server, one of the router."""

    def __init__(self, client, server, router):
        self.client, self.server, self.router = client, server, router


class Maker:
    def __init__(self, rng, addresses):
        self.rng, self.addresses = rng, addresses
        self.ports = set()
        self.names = 0
        self.comments = 0

    # What is asked for

    def syns(self, homes, count):
        """`count` SYNs, spread over the base chains that are to kill them: [(Syn, base chain)]."""
        made, number = [], 0
        span = range(FIRST_PORT, FIRST_PORT + 4 * count)
        backends = sorted({base.table.backend for base in homes})
        for dport in sorted(self.rng.sample(span, count)):
            backend = backends[number % len(backends)]
            base = self.rng.choice([base for base in homes if base.table.backend == backend])
            family = self.rng.choice(base.table.families())
            through = base.spot in WAYS[True] and (base.spot not in WAYS[False] or self.rng.random() < 0.7)
            source = self.rng.choice(self.addresses.client[family])
            target = self.rng.choice(self.addresses.server[family]) if through else self.addresses.router[family]
            made.append((Syn(family, source, FIRST_SOURCE_PORT + number, target, dport, through), base))
            number += 1
            self.ports.add(dport)
        self.span = (span.start, span.stop - 1)
        self.homeless = [port for port in span if port not in self.ports]
        return made

    # Names and words

    def name(self, kind):
        self.names += 1
        return f"{kind}{self.names}"

    def comment(self, chance=0.4, quotes=False):
        if self.rng.random() > chance:
            return ""
        self.comments += 1
        words = f"{self.rng.choice(WORDS)} {self.comments}"
        return f'say "{words}"' if quotes and self.rng.random() < 0.1 else words

    # Matches

    def neighbour(self):
        return self.rng.choice(self.homeless) if self.rng.random() < 0.8 else self.rng.randint(self.span[1] + 1, self.span[1] + 999)

    def spans(self, wanted, others, limit):
        """The wanted ports one by one or in small ranges, with neighbours; no two touch."""
        spans = []
        for port in sorted({*wanted, *(self.neighbour() for _ in range(others))}, key=lambda port: (port not in wanted, self.rng.random())):
            wide = self.rng.random() < 0.2
            first, last = (port - self.rng.randint(0, 3), port + self.rng.randint(0, 3)) if wide else (port, port)
            if len(spans) < limit and all(last + 1 < span[0] or span[1] + 1 < first for span in spans):
                spans.append((first, last))
            elif port in wanted and not any(span[0] <= port <= span[1] for span in spans) and len(spans) < limit:
                if all(port + 1 < span[0] or span[1] + 1 < port for span in spans):
                    spans.append((port, port))
        return sorted(spans)

    def narrow(self, syn, table, base):
        """Matches that this SYN has, and hardly another."""
        rng, nft = self.rng, table.backend == "nft"
        kind = rng.choice(("port", "port", "range", "ports", "address", "source", "sport", "device", "pair", "mixed"))
        ports = Port(syn.dport, syn.dport)
        if kind == "range":
            ports = Port(syn.dport - rng.randint(0, 2), syn.dport + rng.randint(0, 2))
        elif kind in ("ports", "mixed"):
            ports = self.ports_match([syn.dport], table, rng.randint(1, 12))
        if kind in ("address", "mixed"):
            return [Address("daddr", self.prefix(syn.dst)), ports]
        if kind == "source":
            return [Address("saddr", self.prefix(syn.src)), ports]
        if kind == "sport":
            return [SourcePort(syn.sport, syn.sport + rng.randint(0, 3)), ports]
        if kind == "device" and base and base.spot.iif:
            return [Device("iifname", base.spot.iif), ports]
        if kind == "device" and base and base.spot.oif:
            return [Device("oifname", base.spot.oif), ports]
        if kind == "pair" and nft and table.family != "netdev":
            pairs = {(syn.dst, syn.dport)} | {(syn.dst, self.neighbour()) for _ in range(rng.randint(1, 6))}
            return [self.named(AddressPort(syn.family, sorted(pairs)), table)]
        return [ports]

    def prefix(self, address):
        whole = 128 if ":" in address else 32
        if self.rng.random() < 0.6:
            return f"{address}/{whole}"
        shorter = whole - self.rng.choice((1, 2, 4))
        return str(ipaddress.ip_network(f"{address}/{shorter}", strict=False))

    def ports_match(self, wanted, table, others):
        nft = table.backend == "nft"
        spans = self.spans(set(wanted), others, 40 if nft else 7)
        if nft and len(spans) > 1:
            return self.named(Ports(spans), table)
        return Ports(spans) if len(spans) > 1 else Port(*spans[0])

    def named(self, match, table, chance=0.5):
        """Its set or map gets a name, and a set or map with a name may have comments."""
        if self.rng.random() > chance:
            return match
        match.set = self.name("m" if isinstance(match, VerdictMap) else "s")
        if not isinstance(match, AddressPort):
            keys = match.verdicts if isinstance(match, VerdictMap) else match.spans
            match.comments = {key: comment for key in keys if (comment := self.comment(0.2))}
        return match

    # Verdicts and rules

    def killing(self, chain):
        table = chain.table
        if chain.rejects and self.rng.random() < 0.35:
            return Verdict("reject", how=self.rng.choice(REJECTS["nft" if table.backend == "nft" else "xt", table.family]))
        return Verdict("drop")

    def rule(self, chain, matches, verdict=None, vmap=None):
        nft = chain.table.backend == "nft"
        return Rule(matches, verdict, vmap, self.comment(quotes=not nft), nft and self.rng.random() < 0.4)

    def filler(self, chain, below):
        """A rule that is about none of the SYNs, or about any of them."""
        rng = self.rng
        word = rng.choice(("drop", "drop", "accept", "return", "continue", "jump"))
        verdict = Verdict(word)
        if word == "jump":
            verdict = Verdict(rng.choice(("jump", "goto")), rng.choice(below)) if below else Verdict("drop")
        kind = rng.random()
        if kind < 0.15:
            port = rng.randint(*self.span)
            matches = [Never(f"udp dport {port}", f"-p udp -m udp --dport {port}")]
        elif kind < 0.2:
            established = Never("ct state established", "-m conntrack --ctstate ESTABLISHED")
            matches = [established if chain.table.family != "netdev" else Port(9, 9)]
        elif kind < 0.25:
            # Now and then on a port that somebody else is to kill.
            port = rng.choice(sorted(self.ports))
            matches = [Port(port, port)]
        elif kind < 0.5:
            matches = [self.ports_match([], chain.table, rng.randint(2, 10))]
        else:
            port = self.neighbour()
            matches = [Port(port, port)]
        return self.rule(chain, matches, verdict)

    def vmap_rule(self, chain, syns, children):
        """One rule with a verdict for each of several SYNs, children of the chain among the verdicts."""
        rng, table = self.rng, chain.table
        family = rng.choice((0, syns[0].family)) if table.family != "netdev" else 0
        verdicts = {}
        for syn in syns:
            verdict = rng.choice((Verdict("drop"),) * 6 + (Verdict("continue"), Verdict("return"), Verdict("accept")))
            if children and rng.random() < 0.3:
                verdict = Verdict(rng.choice(("jump", "goto")), rng.choice(children))
            verdicts[(syn.dst, syn.dport) if family else (syn.dport, syn.dport)] = verdict
        for _ in range(rng.randint(1, 8)):
            port = self.neighbour()
            # Ranges may touch here: of a map, neighbours are not made one.
            last = port
            while family == 0 and last + 1 in self.homeless and rng.random() < 0.5:
                last += 1
            if family == 0 and any(first <= last and port <= end for first, end in verdicts):
                continue
            verdicts[(syns[0].dst, port) if family else (port, last)] = Verdict(rng.choice(("drop", "accept", "return")))
        if family:
            verdicts = {key: verdict for key, verdict in verdicts.items() if (":" in key[0]) == (family == 6)}
        return self.rule(chain, [], vmap=self.named(VerdictMap(family, dict(sorted(verdicts.items(), key=str))), table, 0.6))

    # Chains

    def grow(self, chain, base, syns, budget, level, others):
        """Fills a chain with rules for these SYNs, some of them in chains below it. `others`: by level, chains of the same kind."""
        rng, table, nft = self.rng, chain.table, chain.table.backend == "nft"
        rules, here, below = [], list(syns), []
        rng.shuffle(here)
        if level < 6 and len(here) > 1 and rng.random() < (0.9 if level == 0 else 0.6):
            for _ in range(rng.randint(1, 3)):
                share = here[: len(here) // 3 + 1]
                here = here[len(share) :]
                if not share:
                    break
                child = table.add(Chain(self.name("c"), table, rejects=chain.rejects))
                others.setdefault(level + 1, []).append(child)
                below.append((child, share))
        # Chains that are there already are entered by several ways; only deeper ones, or there would be a loop.
        deeper = [other for depth, chains in others.items() if depth > level for other in chains if other.rejects == chain.rejects]
        for child, share in below:
            self.grow(child, None, share, budget // (len(below) + 1), level + 1, others)
            verdict = Verdict(rng.choice(("jump", "jump", "goto")), child)
            rules += [self.rule(chain, [match], verdict) for match in self.covering(share, table)]
        while here:
            several = here[: rng.randint(2, 8)]
            if nft and len(several) > 1 and rng.random() < 0.35:
                rules.append(self.vmap_rule(chain, several, deeper))
                here = here[len(several) :]
            elif len(several) > 1 and rng.random() < 0.2:
                rules.append(self.rule(chain, [self.ports_match([syn.dport for syn in several], table, 1)], self.killing(chain)))
                here = here[len(several) :]
            else:
                rules.append(self.rule(chain, self.narrow(here[0], table, base), self.killing(chain)))
                here = here[1:]
        own = max(0, budget // (len(below) + 1) - len(rules))
        rules += [self.filler(chain, deeper) for _ in range(own)]
        rng.shuffle(rules)
        if level > 0 and rng.random() < 0.3:
            last = rng.choice((self.killing(chain), Verdict("return"), Verdict("drop")))
            rules.append(self.rule(chain, [rng.choice((AnySyn(), OtherPort(self.neighbour())))], last))
        chain.rules = rules
        if base and base.policy == "drop":
            chain.rules[:0] = [self.rule(chain, [match], Verdict("accept")) for match in LEFT_ALONE]

    def covering(self, syns, table):
        ports = sorted(syn.dport for syn in syns)
        if self.rng.random() < 0.3:
            return [Port(ports[0], ports[-1])]
        if self.rng.random() < 0.1:
            return [AnySyn()]
        if table.backend == "nft" or len(ports) < 4:
            return [self.ports_match(ports, table, 3)]
        return [self.ports_match(ports[i : i + 4], table, 2) for i in range(0, len(ports), 4)]

    # Tables

    def nft_table(self, netns, taken):
        rng = self.rng
        spots = [spot for spot in SPOTS if spot.netns == netns]
        if INGRESS in spots and rng.random() < 0.3:
            family, spots = "netdev", [INGRESS]
        else:
            family, spots = rng.choice(("ip", "ip6", "inet", "inet")), [spot for spot in spots if spot is not INGRESS]
        table = Table(netns, "nft", family, self.name("t"))
        for _ in range(rng.randint(1, 3)):
            spot = rng.choice(spots)
            # Of two with one priority the kernel asks the one that came last, first: a table of iptables, which come later, is at 0.
            priority = rng.choice([n for n in range(-350, 350, 7) if n != 0 and (spot, n) not in taken])
            taken.add((spot, priority))
            policy = "drop" if rng.random() < 0.35 and family != "netdev" else "accept"
            rejects = family != "netdev" and spot.hook in ("input", "forward", "output")
            kind = "route" if spot.hook == "output" and rng.random() < 0.3 else "filter"
            chain = table.add(Chain(self.name("b"), table, spot=spot, kind=kind, priority=priority, policy=policy, rejects=rejects))
            if rng.random() < 0.1 and spot.hook in NAT_ORDER and priority > -200:
                chain.kind, chain.policy, chain.rejects = "nat", "accept", False
                # All nat chains of a hook are called from one place.
                chain.order = NAT_ORDER[spot.hook] + priority / 1000
        return table

    def xt_table(self, netns, backend, family, name, spots):
        """Its builtin chains at these spots; the others exist and are empty."""
        priority, hooks = XT_TABLES[name]
        table = Table(netns, backend, family, name)
        for spot in spots:
            if spot.hook not in hooks:
                continue
            policy = "drop" if self.rng.random() < 0.3 else "accept"
            table.add(Chain(BUILTIN[spot.hook], table, spot=spot, priority=priority, policy=policy, rejects=name == "filter"))
        return table

    def fill(self, table, syns, rules):
        """`rules`: about how many, all chains of the table together."""
        bases = list(table.chains)
        others = {}
        for base in bases:
            mine = [syn for syn, home in syns if home is base]
            self.grow(base, base, mine, rules // len(bases), 0, others)


def make(rng, addresses, kind, count, most_rules=1000):
    """A world of this kind (nft, iptables-nft, iptables-legacy, mixed), and `count` SYNs: (World, [Syn], the ports between theirs)."""
    maker = Maker(rng, addresses)
    tables, taken = [], set()
    namespaces = ["client", "router", "server"]
    if kind in ("nft", "mixed"):
        for netns in rng.sample(namespaces, 2 if kind == "mixed" else 3):
            tables += [maker.nft_table(netns, taken) for _ in range(rng.randint(1, 2))]
    if kind in ("iptables-nft", "mixed"):
        for netns in rng.sample(namespaces, rng.randint(1, 2)):
            for family in ("ip", "ip6"):
                name = "mangle" if kind == "mixed" else rng.choice(tuple(XT_TABLES))
                spots = [spot for spot in SPOTS if spot.netns == netns and spot.hook in XT_TABLES[name][1]]
                tables.append(maker.xt_table(netns, "iptables-nft", family, name, spots))
    if kind in ("iptables-legacy", "mixed"):
        of_spot = [(spot, name) for spot in SPOTS for name, (_, hooks) in XT_TABLES.items() if spot.hook in hooks]
        places = [(spot, family, name) for spot, name in of_spot for family in ("ip", "ip6")]
        if kind == "mixed":
            places = [place for place in places if place[2] == "filter"]
        chosen = {}
        for spot, family, name in rng.sample(places, LEGACY_PLACES):
            chosen.setdefault((spot.netns, family, name), []).append(spot)
        tables += [maker.xt_table(netns, "iptables-legacy", family, name, spots) for (netns, family, name), spots in chosen.items()]
    homes = [chain for table in tables for chain in table.chains]
    syns = maker.syns(homes, count)
    for table in tables:
        mine = sum(1 for _, home in syns if home.table is table)
        maker.fill(table, syns, max(mine, int(math.exp(rng.uniform(math.log(10), math.log(most_rules))))))
    return World(tables, WAYS), [syn for syn, _ in syns], maker.homeless
