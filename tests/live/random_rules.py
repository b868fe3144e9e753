# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Random rulesets, many SYNs at once on two CPUs, other traffic around them: which rule dropped each SYN is known by construction
(rule_maker.py, rule_matches.py, rule_model.py), and what synfate says of it must be that rule, or that it could not be determined. Never another rule.

  client eth0 ─────── toclient router toserver ─────── eth0 server
  10.62.1.2, .1.3    10.62.1.1        10.62.2.1       10.62.2.2, .2.3, .2.4
  output,            ingress, prerouting, input,      prerouting, input
  postrouting        forward, postrouting

  random_rules.py [--seed SEED] [--rounds N] [--round N ...] [--kind KIND] [--syns N] [--rules N] [SCENARIO ...]
"""

import argparse
import ctypes
import json
import os
import random
import signal
import sys
import time

import rule_loading
import rule_maker
import rule_verdicts
import tool
from expect import WrongCulprit, check
from guests import IN_GUEST
from scenario import main
from topology import routed

NUMBER = 62
KINDS = ("nft", "iptables-nft", "iptables-legacy", "mixed")
TRAFFIC = os.path.join(os.path.dirname(os.path.abspath(__file__)), "rule_traffic.py")
AT_ONCE = 64
# What else tells a rule of iptables-legacy: the functions, and the counters of a table that is found by its hook entry.
ALONE = ("fentry", "netfilter_link")
# A legacy rule is told from the SYN that the kernel sends again after a second, if not from the first.
HOLD, HOLD_LEGACY = 0.2, 1.5 if tool.PATIENCE <= 2 else 4
LEAST_SHARE = 0.995
# There a table is read and its watch is armed in seconds: a client that gives up before is told without its rule, and says so.
LEAST_SHARE_OF_LEGACY = LEAST_SHARE if not IN_GUEST else 0.7
# Where functions begin to be traced under traffic, an emulated machine does not always survive that the code is patched which its other
# processor runs, so what may begin it has no other traffic there.
CLONE_NEWNET = 0x40000000


def options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", default=os.environ.get("SYNFATE_TEST_SEED") or str(random.SystemRandom().randrange(10**9)))
    # An emulated machine gets fewer of them.
    parser.add_argument("--rounds", type=int, default=8 if tool.PATIENCE <= 2 else 4, metavar="N")
    parser.add_argument("--round", type=int, action="append", help="only this one; may be repeated")
    parser.add_argument("--kind", choices=KINDS, help="of all rounds")
    parser.add_argument("--syns", type=int, default=260 if tool.PATIENCE <= 2 else 40)
    parser.add_argument("--rules", type=int, default=1000 if tool.PATIENCE <= 2 else 100, help="the most that a table may have, about")
    parser.add_argument("--without", action="append", default=[], help="as for synfate")
    parser.add_argument("--nftrace", action="store_true", help="the kernel traces rules, too")
    parser.add_argument("--show", type=int, default=5, help="how many failures of a round are shown whole")
    parser.add_argument("scenario", nargs="*")
    return parser.parse_args()


OPTIONS = options()


def reproduction(number, kind, syns, rules, without, nftrace):
    words = [f"--seed {OPTIONS.seed} --round {number} --kind {kind} --syns {syns} --rules {rules}"]
    return " ".join([f"python3 {sys.argv[0]}", *words, *(f"--without {feature}" for feature in without), *["--nftrace"] * nftrace, "rounds"])


def build(lab):
    """topology.routed(), with more than one address at the ends."""
    routed(lab)
    clients = [lab.both(1, 2), lab.both(1, 3)]
    servers = [lab.both(2, 2), lab.both(2, 3), lab.both(2, 4)]
    lab.address("client", "eth0", *clients[1])
    lab.address("server", "eth0", *servers[1], *servers[2])
    router = lab.both(1, 1)
    for netns in ("client", "router", "server"):
        # An ICMP error that is not sent for its rate alone would make a REJECT silent.
        lab.sysctl(netns, "net.ipv4.icmp_ratelimit", 0)
        lab.sysctl(netns, "net.ipv6.icmp.ratelimit", 0)
    lab.settle()

    def by_family(pairs):
        return {4: [pair[0] for pair in pairs], 6: [pair[1] for pair in pairs]}

    return rule_maker.Addresses(by_family(clients), by_family(servers), {4: router[0], 6: router[1]})


class Senders:
    """Two processes in the client's namespace, each on a CPU of its own, and two that make noise, at both ends."""

    def __init__(self, lab):
        self.lab = lab
        self.bursts = [self.start("client", "burst", cpu) for cpu in (0, 1)]
        self.noises = [self.start(netns, "noise", cpu) for cpu, netns in enumerate(("client", "server"))]

    def start(self, netns, job, cpu):
        agent = self.lab.agent(netns, job, cpu, script=TRAFFIC)
        agent.report()
        return agent

    @staticmethod
    def tell(agent, **wanted):
        agent.process.stdin.write(json.dumps(wanted).encode() + b"\n")
        agent.process.stdin.flush()

    def begin_noise(self, addresses, ports):
        first, last = ports[0], ports[-1]
        away = [*addresses.server[4], *addresses.server[6], *addresses.router.values()]
        back = [*addresses.client[4], *addresses.client[6]]
        # TCP goes to the ends of a range only: their rules are read once.
        ends = (ports[len(ports) // 3], ports[len(ports) // 2], last)
        for towards, agent in zip((away, back), self.noises):
            targets = [[address, max(first, port - 9), port] for address in towards for port in ends]
            self.tell(agent, targets=targets, most=100_000, pause=0.002 * tool.PATIENCE)

    def end_noise(self):
        for agent in self.noises:
            agent.process.stdin.write(b"\n")
            agent.process.stdin.flush()
        for agent in self.noises:
            agent.report()

    def send(self, syns, hold, at_once=AT_ONCE, until=None):
        """Returns when all have ended; `until` is called while they are held, and they end when it returns."""
        shares = [syns[0::2], syns[1::2]]
        for agent, share in zip(self.bursts, shares):
            wanted = [[syn.src, syn.sport, syn.dst, syn.dport] for syn in share]
            self.tell(agent, syns=wanted, at_once=at_once // 2, hold=hold)
        if until:
            until()
            for agent in self.bursts:
                agent.process.stdin.write(b"\n")
                agent.process.stdin.flush()
        for agent, share in zip(self.bursts, shares):
            agent.report(30 + ((hold or 0) + 0.2) * len(share) / (at_once // 2))


class Rows:
    """The last revision of each attempt of the round, as it comes."""

    def __init__(self, synfate, client):
        self.synfate, self.client, self.seen, self.last = synfate, client, 0, {}
        self.ids = {}

    def take(self):
        for line in self.synfate.lines[self.seen :]:
            if line.get("type") == "attempt" and line["client"]["netns"] == self.client:
                key = rule_verdicts.flow_key(line["flow"])
                self.last[key] = line
                self.ids.setdefault(key, set()).add(line["id"])
        self.seen = len(self.synfate.lines)

    def of(self, syn):
        return self.last.get(rule_verdicts.syn_key(syn))

    def named(self, syn):
        row = self.of(syn)
        rule = row and row["where"] and row["where"]["rule"]
        return bool(rule) and (rule["number"] is not None or (rule["policy"] is True and bool(rule["chain"])))

    def wait_named(self, syns, seconds):
        """Until there is a rule for each, or nothing more has come for that long."""
        waiting, deadline = set(syns), tool.Deadline(seconds)
        with self.synfate.changed:
            while True:
                before = len(waiting)
                self.take()
                waiting = {syn for syn in waiting if not self.named(syn)}
                if not waiting:
                    return
                if len(waiting) < before:
                    deadline = tool.Deadline(seconds)
                if deadline.passed() or not self.synfate.reader.is_alive():
                    return
                self.synfate.changed.wait(0.2)


def first_of_each_legacy_table(fates):
    """One SYN for each place where a table of iptables-legacy drops: what makes synfate watch it."""
    places = {}
    for syn, death in fates.items():
        if death and death.chain.table.backend == "iptables-legacy":
            known = places.get((death.spot, death.chain.table))
            # One that nothing answers is sent again.
            if known is None or (fates[known].verdict == "reject" and death.verdict != "reject"):
                places[death.spot, death.chain.table] = syn
    return list(places.values())


def refused_at_once(row):
    """Told before its table was watched, and never sent again: nothing is left that could tell its rule."""
    return bool(row) and row["fate"] == "refused" and row["syns"] == 1


def one_round(lab, number, kind, syn_count, rules, without=(), nftrace=False, noise=True):
    """A ruleset, its SYNs and what synfate says of them: Judgement."""
    rng = random.Random(f"{OPTIONS.seed}/{number}")
    addresses = build(lab)
    world, syns, around = rule_maker.make(rng, addresses, kind, syn_count, rules)
    rule_loading.load(lab, world, rng)
    fates = {syn: world.fate(syn) for syn in syns}
    senders = Senders(lab)
    # Others' tables of iptables-legacy would take the places of ours: it watches only a few at once. Rules are traced only in the namespace
    # that is named, so none is.
    scope = ["--nftrace"] if nftrace else ["--netns", lab.inode("client")]
    synfate = lab.synfate("trace", *scope, *(word for feature in without for word in ("--without", feature)))
    rows = Rows(synfate, lab.inode("client"))
    begun = time.monotonic()
    warm = first_of_each_legacy_table(fates)
    # Without what tells rules, none is waited for.
    patient = not set(without) - {"fentry"}
    hold_legacy = HOLD_LEGACY if patient else HOLD
    # The kernel sends them again each second; in the end every place where a table drops is known.
    senders.send(warm, None, until=lambda: rows.wait_named(warm, 4 if patient else 0))
    if noise:
        senders.begin_noise(addresses, around)
    rest = [syn for syn in syns if syn not in warm]
    rng.shuffle(rest)
    by_legacy = [syn for syn in rest if fates[syn] and fates[syn].chain.table.backend == "iptables-legacy"]
    senders.send([syn for syn in rest if syn not in set(by_legacy)], HOLD)
    senders.send(by_legacy, hold_legacy, 2 * AT_ONCE)
    sent = time.monotonic()
    rows.wait_named([syn for syn in syns if fates[syn]], 2.5 if patient else 0.4)
    # An emulated machine does not always survive that the code is patched which its other processor runs.
    if noise:
        senders.end_noise()
    synfate.process.send_signal(signal.SIGINT)
    done = synfate.finish(20)
    check(done.summary is not None, "the last line is not a summary")
    rows.take()
    judgement = rule_verdicts.Judgement()
    for syn, death in fates.items():
        if syn in warm and refused_at_once(rows.of(syn)) and not rows.named(syn):
            judgement.unarmed += 1
            continue
        judgement.judge(syn, death, rows.of(syn), lab.inodes)
        ids = rows.ids.get(rule_verdicts.syn_key(syn), ())
        check(len(ids) < 2, f"{len(ids)} rows for one connect(): {syn}")
    judgement.lost = done.summary["events"]["lost"]
    judgement.tier = done.summary["tier"]
    judgement.notices = sorted({line["code"] + ": " + line["text"] for line in done.lines if line["type"] == "notice"})
    judgement.size = sum(len(chain.rules) for table in world.tables for chain in table.chains)
    judgement.seconds = (sent - begun, time.monotonic() - sent)
    judgement.line = reproduction(number, kind, syn_count, rules, without, nftrace)
    return judgement


def show(judgement, kinds):
    shown = [failure for failure in judgement.failures if failure[0] in kinds]
    if not shown:
        return
    print(f"  reproduce: {judgement.line}")
    for what, syn, must, row, words in shown[: OPTIONS.show]:
        print(f"  {what}: {syn}\n    must be: {must}\n    because: {'; '.join(words)}\n    row: {json.dumps(row, ensure_ascii=False)}")


def describe(number, kind, judgement):
    size, (sending, waiting) = judgement.size, judgement.seconds
    notices = "; ".join(judgement.notices) or "none"
    unarmed = f"{judgement.unarmed} refused before their table was watched; " if judgement.unarmed else ""
    print(
        f"round {number} {kind}: {size} rules, {judgement.total().sent()} SYNs dropped, {judgement.passed} arrived; {unarmed}"
        f"sent in {sending:.1f} s, all told {waiting:.1f} s later; {judgement.lost} events lost, notices: {notices}"
    )


def leave_the_machine():
    """The namespaces that the test can see are the lab's and this one: what traces rules everywhere changes no other."""
    check(ctypes.CDLL(None).unshare(CLONE_NEWNET) == 0, "no namespace for the test itself")


def rounds(lab):
    """Each kind of ruleset in turn; at least 99.5 % of the rules named (of iptables-legacy less in guests), none wrongly."""
    if OPTIONS.nftrace:
        leave_the_machine()
    total, failed, wrong = {}, [], 0
    without = tuple(OPTIONS.without)
    for number in OPTIONS.round or range(OPTIONS.rounds):
        kind = OPTIONS.kind or KINDS[number % len(KINDS)]
        judgement = one_round(lab, number, kind, OPTIONS.syns, OPTIONS.rules, without, OPTIONS.nftrace)
        describe(number, kind, judgement)
        show(judgement, (rule_verdicts.WRONG, rule_verdicts.UNDETERMINED))
        sys.stdout.flush()
        for backend, tally in judgement.by_backend.items():
            total.setdefault(backend, rule_verdicts.Tally()).add(tally)
        wrong += judgement.wrong()
        if judgement.failures:
            failed.append(judgement)
        lab.clear()
    print(f"seed {OPTIONS.seed}, tier {judgement.tier}")
    for backend, tally in sorted(total.items()):
        print(f"  {backend}: {tally.words()}")
    none_wrong(wrong)
    if not OPTIONS.without:
        for backend, tally in total.items():
            least = LEAST_SHARE_OF_LEGACY if backend == "iptables-legacy" else LEAST_SHARE
            share = f"{100 * tally.share():.2f} % of the rules of {backend}"
            check(tally.share() >= least, f"only {share} determined; seed {OPTIONS.seed}")


def lesser_kernels(lab):
    """The same with one feature after the other switched off: less is named, and nothing wrongly."""
    wrong = 0
    # What is left without the others is the same as here, and each is a minute of an emulated machine.
    features = ("fentry", "stack") if IN_GUEST else ("rules", "fentry", "netfilter_link", "calibration", "stack")
    for feature in features:
        judgement = one_round(lab, 1000, "mixed", 60 if tool.PATIENCE <= 2 else 20, 100, (feature,), noise=not IN_GUEST)
        total = judgement.total()
        print(f"without {feature}: tier {judgement.tier}")
        for backend, tally in sorted(judgement.by_backend.items()):
            print(f"  {backend}: {tally.words()}")
        show(judgement, (rule_verdicts.WRONG,))
        wrong += judgement.wrong()
        if feature == "rules":
            check(total.counts[rule_verdicts.RIGHT] == 0, "rules named without the programs that tell them")
        check(total.sent() > 0, "nothing was dropped")
        # Of so few in a guest, one policy whose frame could not be read is more than a half percent.
        if feature == "netfilter_link" and not IN_GUEST:
            for backend in ("nft", "iptables-nft"):
                share = judgement.by_backend[backend].share()
                check(share >= LEAST_SHARE, f"only {100 * share:.2f} % of the rules of {backend} determined, which need no {feature}")
        silent = sum(count for reason, count in total.reasons.items() if reason == "no reason given")
        check(silent == 0, f"{silent} rules not determined, and no word why")
        lab.clear()
    none_wrong(wrong)


def none_wrong(wrong):
    if wrong:
        raise WrongCulprit(f"{wrong} SYNs with a wrong rule; seed {OPTIONS.seed}")


def traced(lab):
    """With the kernel's own tracing of rules, beside all else, and where nothing else tells a rule of iptables-legacy."""
    leave_the_machine()
    wrong = 0
    kinds = [("iptables-legacy", ALONE), ("mixed", ALONE)]
    for number, (kind, without) in enumerate(kinds if IN_GUEST else [*kinds, ("iptables-legacy", ()), ("mixed", ())]):
        judgement = one_round(lab, 2000 + number, kind, 60 if tool.PATIENCE <= 2 else 20, 100, without, True, noise=not IN_GUEST)
        print(f"--nftrace, {kind}, without {', '.join(without) or 'nothing'}: tier {judgement.tier}, {judgement.lost} events lost")
        for backend, tally in sorted(judgement.by_backend.items()):
            print(f"  {backend}: {tally.words()}")
        show(judgement, (rule_verdicts.WRONG,))
        wrong += judgement.wrong()
        # In a guest a line may be read too late to be believed, and there nothing else names a rule: none wrongly is all that is asked.
        if without and kind == "iptables-legacy" and not IN_GUEST:
            share = judgement.by_backend[kind].share()
            check(share >= 0.9, f"only {100 * share:.2f} % of the rules of {kind} named by tracing alone")
        lab.clear()
    none_wrong(wrong)


if __name__ == "__main__":
    print(f"seed {OPTIONS.seed}")
    sys.argv[1:] = OPTIONS.scenario
    main(62, __doc__, rounds, lesser_kernels, traced)
