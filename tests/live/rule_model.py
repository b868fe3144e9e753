# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What a netfilter ruleset does with one SYN, computed: rules, chains, tables, and the walk of a packet through them. It loads nothing."""

from dataclasses import dataclass, field

from rule_matches import Spot, Verdict, VerdictMap, commented


@dataclass(eq=False)
class Rule:
    matches: list
    verdict: Verdict = None
    vmap: VerdictMap = None
    comment: str = ""
    counter: bool = False

    def hits(self, syn, spot):
        return all(match.hits(syn, spot) for match in self.matches)

    def lookups(self, syn):
        """What nft's listing of its elements says of a packet that the rule hits."""
        return [words for words in (match.element(syn) for match in self.matches) if words]

    def signature(self):
        words = [word for match in self.matches for word in match.signature()]
        return words + ([f"@{self.vmap.set}"] if self.vmap and self.vmap.set else [])

    def nft(self):
        parts = [match.nft() for match in self.matches] + (["counter"] if self.counter else [])
        parts += [self.vmap.nft() if self.vmap else self.verdict.nft()]
        return " ".join(parts) + commented(self.comment)

    def xt(self):
        comment = ""
        if self.comment:
            quoted = self.comment.replace("\\", "\\\\").replace('"', '\\"')
            comment = f'-m comment --comment "{quoted}"'
        words, seen = [], set()
        for match in self.matches:
            text = match.xt()
            # Each of "-p tcp" and "-m tcp" may be given only once.
            for once in ("-p tcp ", "-m tcp "):
                if text.startswith(once):
                    text = text[len(once) :] if once in seen else text
                    seen.add(once)
                elif once in text:
                    text = text.replace(once, "") if once in seen else text
                    seen.add(once)
            words.append(text)
        return " ".join(word for word in (*words, comment, self.verdict.xt()) if word)


@dataclass(eq=False)
class Chain:
    """A base chain has a `spot`; `order`: among those of its hook, where that is not its priority. `rejects`: REJECT may be used there."""

    name: str
    table: "Table"
    rules: list = field(default_factory=list)
    spot: Spot = None
    kind: str = "filter"
    priority: int = 0
    policy: str = "accept"
    rejects: bool = True
    order: float = None

    def place(self):
        return self.priority if self.order is None else self.order

    def sees(self, syn):
        return syn.family in self.table.families()


@dataclass(eq=False)
class Table:
    """`backend`: nft, iptables-nft, iptables-legacy."""

    netns: str
    backend: str
    family: str
    name: str
    chains: list = field(default_factory=list)

    def families(self):
        return {"ip": (4,), "ip6": (6,), "inet": (4, 6), "netdev": (4, 6)}[self.family]

    def add(self, chain):
        self.chains.append(chain)
        return chain


@dataclass
class Death:
    """By which rule a SYN dies; number None: by the policy of the chain."""

    spot: Spot
    chain: Chain
    number: int = None
    rule: Rule = None
    verdict: str = "drop"
    element: str = ""
    via: str = ""

    def words(self):
        table = self.chain.table
        rule = "policy" if self.number is None else f"rule {self.number}: {self.rule.nft() if table.backend == 'nft' else self.rule.xt()}"
        return f"{self.spot.netns} {self.spot.hook}: {table.backend} {table.family} {table.name} {self.chain.name} {rule}"


def traverse(base, syn):
    """Death, or None: it passes."""
    waiting, chain, at, via = [], base, 0, ""
    while True:
        ended = at >= len(chain.rules)
        verdict, rule, element = Verdict("return"), None, ""
        if not ended:
            rule, at = chain.rules[at], at + 1
            if not rule.hits(syn, base.spot):
                continue
            verdict, words = rule.verdict, rule.lookups(syn)
            if rule.vmap:
                found = rule.vmap.find(syn)
                if found is None:
                    continue
                verdict = found[1]
                words.append(rule.vmap.element(found[0]))
                element = words[-1]
        if verdict.kills():
            by_nft = base.table.backend == "nft"
            return Death(base.spot, chain, at, rule, verdict.word, ", ".join(words) if by_nft else "", via)
        if verdict.word == "accept":
            return None
        if verdict.word == "return":
            if not waiting:
                return Death(base.spot, base, verdict="policy") if base.policy == "drop" else None
            chain, at, via = waiting.pop()
        elif verdict.to:
            if verdict.word == "jump":
                waiting.append((chain, at, via))
            chain, at, via = verdict.to, 0, element


class World:
    """All tables of all namespaces of a round."""

    def __init__(self, tables, ways):
        self.tables, self.ways = tables, ways
        chains = sorted((chain for table in tables for chain in table.chains if chain.spot), key=Chain.place)
        self.bases = {spot: [chain for chain in chains if chain.spot == spot] for way in ways.values() for spot in way}

    def fate(self, syn):
        """How it dies; None: it arrives."""
        for spot in self.ways[syn.through]:
            for base in self.bases[spot]:
                death = traverse(base, syn) if base.sees(syn) else None
                if death:
                    return death
        return None
