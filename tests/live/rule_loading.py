# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Tables of rule_model.py as text for nft and for iptables-restore, and into a lab's namespaces. Some rules come late, in the middle of
their chain: then the order of handles is not that of rules."""

import re

from lab import LabError


def _nft_head(table, chain):
    if chain.spot is None:
        return ""
    device = f" device {chain.spot.iif}" if table.family == "netdev" else ""
    return f"type {chain.kind} hook {chain.spot.hook}{device} priority {chain.priority}; policy {chain.policy}; "


def _sets(table):
    """Each named set and map, by its declaration."""
    found = {}
    for chain in table.chains:
        for rule in chain.rules:
            for user in (*rule.matches, *([rule.vmap] if rule.vmap else [])):
                if user.set:
                    found[user.set] = user.declare()
    return found.values()


def nft_text(table, late):
    """(the table without the late rules, the late rules one by one)"""
    lines = [f"table {table.family} {table.name} {{", *(f"  {declared}" for declared in _sets(table))]
    later = []
    for chain in table.chains:
        lines.append(f"  chain {chain.name} {{ {_nft_head(table, chain)}")
        lines += [f"    {rule.nft()}" for rule in chain.rules if rule not in late]
        lines.append("  }")
        place = f"{table.family} {table.name} {chain.name}"
        present = sum(1 for rule in chain.rules if rule not in late)
        for at, rule in enumerate(chain.rules):
            if rule not in late:
                continue
            how = f"insert rule {place} index {at}" if at < present else f"add rule {place}"
            later.append(f"{how} {rule.nft()}")
            present += 1
    return "\n".join([*lines, "}", ""]), later


def xt_text(table, late):
    """(for iptables-restore, for iptables-restore --noflush)"""
    lines = [f"*{table.name}"]
    lines += [f":{chain.name} {chain.policy.upper() if chain.spot else '-'} [0:0]" for chain in table.chains]
    later = [f"*{table.name}"]
    for chain in table.chains:
        lines += [f"-A {chain.name} {rule.xt()}" for rule in chain.rules if rule not in late]
        later += [f"-I {chain.name} {at + 1} {rule.xt()}" for at, rule in enumerate(chain.rules) if rule in late]
    return "\n".join([*lines, "COMMIT", ""]), "\n".join([*later, "COMMIT", ""])


def _refused(error, text):
    """What the program did not like, with the line that it was about."""
    said = re.search(r"(?:line |stdin:)(\d+)", str(error))
    line = text.splitlines()[int(said[1]) - 1] if said else text[:200]
    return LabError(f"{error}\n  {line.strip()}")


def _feed(lab, netns, text, *command):
    try:
        lab.run(netns, *command, stdin=text)
    except LabError as error:
        raise _refused(error, text) from error


# Without anything that tracks connections in a namespace its packets have none, and then the kernel asks no chain of NAT: nf_nat_inet_fn() in
# net/netfilter/nf_nat_core.c accepts them. On no hook: only that it is there counts.
TRACKING = "table inet tracking { chain tracking { ct state new; }; }\n"


def load(lab, world, rng):
    for netns in {table.netns for table in world.tables for chain in table.chains if chain.kind == "nat"}:
        _feed(lab, netns, TRACKING, "nft", "-f", "-")
    for table in world.tables:
        rules = [rule for chain in table.chains for rule in chain.rules]
        late = set(rng.sample(rules, min(len(rules), rng.choice((0, 3, 12)))))
        if table.backend == "nft":
            text, later = nft_text(table, late)
            _feed(lab, table.netns, text, "nft", "-f", "-")
            if later:
                _feed(lab, table.netns, "\n".join([*later, ""]), "nft", "-f", "-")
            continue
        program = ("iptables" if table.family == "ip" else "ip6tables") + table.backend.removeprefix("iptables") + "-restore"
        text, later = xt_text(table, late)
        # Other tables of the namespace are not named, and are left alone.
        _feed(lab, table.netns, text, program, "-w")
        if late:
            _feed(lab, table.netns, later, program, "-w", "--noflush")
