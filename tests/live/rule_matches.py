# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What a rule of netfilter asks of a SYN, and what it may decide: matches, verdicts, verdict maps.

Each computes whether it fits, and prints itself for nft and for iptables, so that what is computed and what is loaded are the same."""

import ipaddress
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Syn:
    """One connection attempt of a round; `through`: to the server, else to the router itself."""

    family: int
    src: str
    sport: int
    dst: str
    dport: int
    through: bool


@dataclass(frozen=True)
class Spot:
    """One hook that packets pass, and the devices that rules there may ask for; None: not known there on every kernel."""

    netns: str
    hook: str
    iif: str = None
    oif: str = None


def ip_word(family):
    return "ip" if family == 4 else "ip6"


def span_words(span, dash):
    return str(span[0]) if span[0] == span[1] else f"{span[0]}{dash}{span[1]}"


class Match:
    """`family`: 0 where it fits both. `set`: a named set of nft that it looks into."""

    family, set = 0, None

    def hits(self, syn, spot):
        raise NotImplementedError

    def element(self, _syn):
        """What a row's element must say of it; empty: it is no look-up."""
        return ""

    def signature(self):
        """Words that every listing of the rule has."""
        return []


@dataclass
class Port(Match):
    first: int
    last: int

    def hits(self, syn, spot):
        return self.first <= syn.dport <= self.last

    def nft(self):
        return "tcp dport " + span_words((self.first, self.last), "-")

    def xt(self):
        return "-p tcp -m tcp --dport " + span_words((self.first, self.last), ":")

    def signature(self):
        return [str(self.first), str(self.last)]


@dataclass
class SourcePort(Match):
    first: int
    last: int

    def hits(self, syn, spot):
        return self.first <= syn.sport <= self.last

    def nft(self):
        return "tcp sport " + span_words((self.first, self.last), "-")

    def xt(self):
        return "-p tcp -m tcp --sport " + span_words((self.first, self.last), ":")


@dataclass
class AnySyn(Match):
    """Whatever its ports; no answer to a SYN is one."""

    def hits(self, syn, spot):
        return True

    def nft(self):
        return "tcp flags & (syn | ack) == syn"

    def xt(self):
        return "-p tcp -m tcp --syn"


@dataclass
class OtherPort(Match):
    port: int

    def hits(self, syn, spot):
        return syn.dport != self.port

    def nft(self):
        return f"tcp dport != {self.port} tcp flags & (syn | ack) == syn"

    def xt(self):
        return f"-p tcp -m tcp ! --dport {self.port} --syn"

    def signature(self):
        return [str(self.port)]


@dataclass
class Ports(Match):
    """Spans of ports that neither overlap nor touch; in an anonymous set, or a named one, whose elements may have comments."""

    spans: list
    set: str = None
    comments: dict = field(default_factory=dict)

    def span_of(self, syn):
        return next((span for span in self.spans if span[0] <= syn.dport <= span[1]), None)

    def hits(self, syn, spot):
        return self.span_of(syn) is not None

    def nft(self):
        return "tcp dport " + (f"@{self.set}" if self.set else "{ " + self.elements() + " }")

    def elements(self):
        return ", ".join(span_words(span, "-") + commented(self.comments.get(span)) for span in self.spans)

    def declare(self):
        return f"set {self.set} {{ type inet_service; flags interval; elements = {{ {self.elements()} }}; }}"

    def xt(self):
        return "-p tcp -m multiport --dports " + ",".join(span_words(span, ":") for span in self.spans)

    def element(self, syn):
        span = self.span_of(syn)
        return span_words(span, "-") + commented(self.comments.get(span))

    def signature(self):
        return [f"@{self.set}"] if self.set else [str(self.spans[0][0])]


@dataclass
class Address(Match):
    side: str
    prefix: str

    def __post_init__(self):
        self.network = ipaddress.ip_network(self.prefix)
        self.family = self.network.version

    def hits(self, syn, spot):
        address = syn.dst if self.side == "daddr" else syn.src
        return syn.family == self.family and ipaddress.ip_address(address) in self.network

    def nft(self):
        return f"{ip_word(self.family)} {self.side} {self.prefix}"

    def xt(self):
        return ("-d " if self.side == "daddr" else "-s ") + self.prefix


@dataclass
class AddressPort(Match):
    """A set of address . port."""

    family: int
    pairs: list = field(default_factory=list)
    set: str = None

    def hits(self, syn, spot):
        return syn.family == self.family and (syn.dst, syn.dport) in self.pairs

    def nft(self):
        return f"{ip_word(self.family)} daddr . tcp dport " + (f"@{self.set}" if self.set else "{ " + self.elements() + " }")

    def elements(self):
        return ", ".join(f"{address} . {port}" for address, port in self.pairs)

    def declare(self):
        kind = "ipv4_addr" if self.family == 4 else "ipv6_addr"
        return f"set {self.set} {{ type {kind} . inet_service; elements = {{ {self.elements()} }}; }}"

    def element(self, syn):
        return f"{syn.dst} . {syn.dport}"

    def signature(self):
        return [f"@{self.set}"] if self.set else [str(self.pairs[0][1])]


@dataclass
class Device(Match):
    side: str
    name: str

    def hits(self, syn, spot):
        return (spot.iif if self.side == "iifname" else spot.oif) == self.name

    def nft(self):
        return f'{self.side} "{self.name}"'

    def xt(self):
        return ("-i " if self.side == "iifname" else "-o ") + self.name

    def signature(self):
        return [self.name]


@dataclass
class Never(Match):
    """What no SYN of a round is: its words."""

    in_nft: str
    in_xt: str

    def hits(self, syn, spot):
        return False

    def nft(self):
        return self.in_nft

    def xt(self):
        return self.in_xt


def commented(comment):
    return f' comment "{comment}"' if comment else ""


@dataclass
class Verdict:
    """`word`: drop, reject, accept, return, jump, goto, continue. `how`: of a reject."""

    word: str
    to: object = None
    how: str = ""

    def kills(self):
        return self.word in ("drop", "reject")

    def nft(self):
        if self.word == "reject":
            return "reject" + (f" with {self.how}" if self.how else "")
        if self.to:
            return f"{self.word} {self.to.name}"
        return self.word

    def xt(self):
        if self.word == "reject":
            return "-j REJECT" + (f" --reject-with {self.how}" if self.how else "")
        if self.to:
            return ("-g " if self.word == "goto" else "-j ") + self.to.name
        return {"drop": "-j DROP", "accept": "-j ACCEPT", "return": "-j RETURN", "continue": ""}[self.word]


@dataclass
class VerdictMap:
    """Keys are spans of ports, or (address, port) of one family; they do not overlap."""

    family: int
    verdicts: dict
    set: str = None
    comments: dict = field(default_factory=dict)

    def pairs(self):
        return self.family != 0

    def find(self, syn):
        """(key, verdict), or None: the rule does not decide."""
        if self.pairs():
            key = (syn.dst, syn.dport)
            return (key, self.verdicts[key]) if syn.family == self.family and key in self.verdicts else None
        return next(((span, verdict) for span, verdict in self.verdicts.items() if span[0] <= syn.dport <= span[1]), None)

    def key_words(self, key):
        return (f"{key[0]} . {key[1]}" if self.pairs() else span_words(key, "-")) + commented(self.comments.get(key))

    def elements(self):
        return ", ".join(f"{self.key_words(key)} : {verdict.nft()}" for key, verdict in self.verdicts.items())

    def nft(self):
        selector = f"{ip_word(self.family)} daddr . tcp dport" if self.pairs() else "tcp dport"
        return f"{selector} vmap " + (f"@{self.set}" if self.set else "{ " + self.elements() + " }")

    def declare(self):
        kind = {0: "inet_service", 4: "ipv4_addr . inet_service", 6: "ipv6_addr . inet_service"}[self.family]
        flags = "" if self.pairs() else "flags interval; "
        return f"map {self.set} {{ type {kind} : verdict; {flags}elements = {{ {self.elements()} }}; }}"

    def element(self, key):
        return f"{self.key_words(key)} : {self.verdicts[key].nft()}"
