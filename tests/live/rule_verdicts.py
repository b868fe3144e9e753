# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What synfate said of each SYN of a round, against what must be: right, not determined (and why), or wrong. It counts; it decides nothing
about what is good enough."""

import collections

from rule_matches import ip_word

RIGHT, UNDETERMINED, WRONG = "right", "not determined", "wrong"
STAGES = {"ingress": "tc_ingress"}
CAUSES = {"drop": "netfilter_drop", "reject": "netfilter_reject", "policy": "netfilter_policy"}


def flow_key(flow):
    return flow["family"], flow["src"], flow["sport"], flow["dst"], flow["dport"]


def syn_key(syn):
    return syn.family, syn.src, syn.sport, syn.dst, syn.dport


def short(gap):
    """A reason without what differs from row to row, so that equal reasons count together."""
    words = [word for word in (gap or "no reason given").split() if not any(c.isdigit() for c in word)]
    return " ".join(words)[:160]


def differs(said, known, must, word):
    """A name that the row gives and that is not the one; `known`: it may be left out."""
    if said is None and known:
        return []
    return [] if said == must else [f"{word} {said!r} and not {must!r}"]


def compare_rule(where, death, inode, family):
    """(what is wrong, is the rule named)"""
    rule, chain = where["rule"], death.chain
    # Of a policy without its chain, and of a number without its table, nobody can tell which it is.
    named = rule.get("number") is not None or rule.get("handle") is not None or (rule.get("policy") is True and bool(rule.get("chain")))
    table = chain.table
    wrong = differs(where["netns"], False, inode, "netns")
    wrong += differs(where["stage"], not named, STAGES.get(death.spot.hook, death.spot.hook), "stage")
    wrong += differs(rule.get("backend") or None, not named, table.backend, "backend")
    wrong += differs(rule.get("table") or None, not named, table.name, "table")
    wrong += differs(rule.get("chain") or None, not named, chain.name, "chain")
    wrong += differs(rule.get("number"), not named, death.number, "number")
    wrong += differs(rule.get("policy"), not named, death.number is None, "policy")
    # Of a table that is not known, the family is the hook's.
    hook_family = "netdev" if table.family == "netdev" else family
    if named or rule.get("family") != hook_family:
        wrong += differs(rule.get("family") or None, not named, table.family, "family")
    return wrong, named


def compare_text(rule, death):
    """(what is wrong, what is missing) of the words about a rule that is named rightly"""
    wrong, missing = [], []
    if not rule.get("text"):
        missing.append("text")
    elif death.rule is None:
        wrong += [] if "policy" in rule["text"] or rule["text"].startswith("-P ") else [f"text {rule['text']!r} of a policy"]
    else:
        wrong += differs(rule.get("comment") or "", False, death.rule.comment, "comment")
        wrong += [f"text {rule['text']!r} without {word!r}" for word in death.rule.signature() if word not in rule["text"]]
    for key in ("element", "via"):
        must = getattr(death, key)
        if rule.get(key):
            wrong += differs(rule[key], False, must, key)
        elif must:
            missing.append(key)
    return wrong, missing


class Tally:
    """The figures of one backend, or of all."""

    def __init__(self):
        self.counts = collections.Counter()
        self.reasons = collections.Counter()
        self.missing = collections.Counter()
        self.causes = collections.Counter()
        self.hows = collections.Counter()

    def add(self, other):
        for name in vars(self):
            getattr(self, name).update(getattr(other, name))

    def sent(self):
        return sum(self.counts.values())

    def share(self):
        return self.counts[RIGHT] / self.sent() if self.sent() else 1.0

    def words(self):
        counts = self.counts
        told = ", ".join(f"{count} by {how}" for how, count in sorted(self.hows.items()))
        text = f"{self.sent()} dropped, {counts[RIGHT]} determined ({100 * self.share():.2f} %; {told or 'none'})"
        text += f", {counts[UNDETERMINED]} not determined, {counts[WRONG]} wrong"
        lines = [text] + [f"    not determined {count} times: {reason}" for reason, count in self.reasons.most_common(12)]
        lines += [f"    named without its {what}: {count}" for what, count in sorted(self.missing.items())]
        return "\n".join(lines + [f"    cause: {what}: {count}" for what, count in sorted(self.causes.items())])


class Judgement:
    """All rows of a round, judged."""

    def __init__(self):
        self.by_backend = collections.defaultdict(Tally)
        self.passed, self.unarmed = 0, 0
        self.failures = []

    def judge(self, syn, death, row, inodes):
        if death is None:
            self.passed += 1
            rule = row and row["where"] and row["where"].get("rule")
            if rule and (rule.get("number") is not None or rule.get("policy") is True):
                self.fail(WRONG, syn, death, row, [f"a rule for a SYN that no rule drops: {rule}"])
            return
        tally = self.by_backend[death.chain.table.backend]
        if row is None:
            self.undetermined(tally, syn, death, row, "no row")
            return
        rule = row["where"].get("rule")
        if rule is None:
            said = row["where"].get("rule_gap") or f"{row['fate']} {row['cause']} in {row['where'].get('function')}: {row['evidence']}"
            self.undetermined(tally, syn, death, row, said)
            return
        wrong, named = compare_rule(row["where"], death, inodes[death.spot.netns], ip_word(syn.family))
        text_wrong, missing = compare_text(rule, death) if named and not wrong else ([], [])
        if wrong or text_wrong:
            tally.counts[WRONG] += 1
            self.fail(WRONG, syn, death, row, wrong + text_wrong)
        elif not named:
            self.undetermined(tally, syn, death, row, row["where"].get("rule_gap"))
        else:
            tally.counts[RIGHT] += 1
            tally.hows[rule["how"]] += 1
            for what in missing:
                tally.missing[f"{what} ({short(row['where']['rule_gap'])})" if what == "text" else what] += 1
            if row["cause"] != CAUSES[death.verdict]:
                tally.causes[f"{row['cause']} where {CAUSES[death.verdict]} was"] += 1

    def undetermined(self, tally, syn, death, row, reason):
        tally.counts[UNDETERMINED] += 1
        tally.reasons[short(reason)] += 1
        self.fail(UNDETERMINED, syn, death, row, [str(reason)])

    def fail(self, what, syn, death, row, words):
        self.failures.append((what, syn, death.words() if death else "arrives", row, words))

    def wrong(self):
        return sum(1 for failure in self.failures if failure[0] == WRONG)

    def total(self):
        total = Tally()
        for tally in self.by_backend.values():
            total.add(tally)
        return total
