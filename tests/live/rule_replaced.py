# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Rules that change between the drop and the reading of their text: never another rule's text, and the answer says that it changed.
synfate is stopped (SIGSTOP) while the SYN dies, so that every change comes exactly between: the kernel side records on.

  client eth0 ────── toclient router toserver ────── eth0 server
  10.81.1.2         10.81.1.1  ✗   10.81.2.1        10.81.2.2
"""

import json
import re
import signal

from expect import check, contains, expect
from scenario import main
from topology import routed
from usual import BY_COUNTERS, TWO_SYNS

OTHER = "another-rule"
FORWARD = "type filter hook forward priority 0;"
NFT = f'table ip lab {{ chain forward {{ {FORWARD} ct state established accept; tcp dport 80 drop comment "the rule"; }}; }}'


class Stopped:
    """synfate, armed and standing still; go() lets it read what happened meanwhile."""

    def __init__(self, lab, trace=()):
        self.lab, self.synfate = lab, lab.synfate("trace", *trace)

    def stand(self):
        self.synfate.process.send_signal(signal.SIGSTOP)

    def go(self, partial, cause="netfilter_drop"):
        self.synfate.process.send_signal(signal.SIGCONT)
        row = self.synfate.expect_attempt({"flow": {"dport": 80}}, {"cause": cause, "where": partial}, 10)
        done = self.synfate.stop()
        rows = done.attempts({"flow": {"dport": 80}})
        check(len(rows) == 1, f"{len(rows)} rows for one connect()")
        expect({"where": partial}, rows[0])
        check(OTHER not in json.dumps(done.lines), "the text of another rule")
        return row


def one_syn(lab, setup, change, partial, **more):
    """One SYN dies by what `setup` made, then `change` happens."""
    routed(lab)
    setup()
    stopped = Stopped(lab, ("--netns", lab.inode("router")))
    stopped.stand()
    outcome = lab.connect("client", lab.v4(2, 2), 80, 0.2)
    check(outcome["errno"] != 0, "the lab does not work: nothing was dropped")
    change()
    return stopped.go(partial, **more)


def nft_handle(lab, words):
    found = re.search(re.escape(words) + r".*# handle (\d+)", lab.run("router", "nft", "-a", "list", "ruleset"))
    check(found, f"no rule {words}")
    return found.group(1)


GONE = contains("removed or replaced between the drop and this reading")


def gone(**known):
    return {"rule": {"text": None, "comment": None, "policy": False, "number": 2, **known}, "rule_gap": GONE}


def nft_changed(lab, change, partial=None, ruleset=NFT):
    return one_syn(lab, lambda: lab.nft("router", ruleset), change, partial or gone(backend="nft", table="lab", chain="forward"))


def nft_replace(lab):
    nft_changed(
        lab, lambda: lab.nft("router", f'replace rule ip lab forward handle {nft_handle(lab, "the rule")} tcp dport 80 counter drop comment "{OTHER}"')
    )


def nft_comment_changed(lab):
    """It keeps its handle and does the same: only what it says of itself is another's."""
    nft_changed(lab, lambda: lab.nft("router", f'replace rule ip lab forward handle {nft_handle(lab, "the rule")} tcp dport 80 drop comment "{OTHER}"'))


def nft_delete_and_add(lab):
    """Deleted, and another one at its place, in one transaction."""

    def change():
        delete = f'delete rule ip lab forward handle {nft_handle(lab, "the rule")}'
        lab.nft("router", f'{delete}; add rule ip lab forward tcp dport 80 drop comment "{OTHER}"')

    nft_changed(lab, change)


def nft_chain_anew(lab):
    """The chain flushed, deleted and made again, in the same table."""
    again = f'flush chain ip lab forward; delete chain ip lab forward; add chain ip lab forward {{ {FORWARD} }}; '
    rules = f'add rule ip lab forward ct state established accept; add rule ip lab forward tcp dport 80 drop comment "{OTHER}"'
    nft_changed(lab, lambda: lab.nft("router", again + rules))


def nft_table_anew(lab):
    """A table made anew counts its handles from the beginning: the same handles are other rules."""

    def change():
        before = nft_handle(lab, "the rule")
        lab.nft("router", "delete table ip lab; " + NFT.replace("the rule", OTHER))
        check(nft_handle(lab, OTHER) == before, "the handles differ, so this shows nothing")

    nft_changed(lab, change)


def nft_table_anew_and_equal(lab):
    """Engines write the same rules again, every few seconds: equal text proves nothing."""
    nft_changed(lab, lambda: lab.nft("router", "delete table ip lab; " + NFT))


def nft_table_gone(lab):
    nft_changed(lab, lambda: lab.nft("router", "delete table ip lab"))
    check(not lab.run("router", "nft", "list", "tables").strip(), "the reading made a table")


def says_moved(row):
    said = [line for line in row["evidence"] if "it was rule 2 " in line and "rule 3 when its text was read" in line]
    check(said, f"not said: {row['evidence']}")


def nft_moved(lab):
    """Other rules come before it and behind it: it is the same rule, with the number that it had, and that it has another now is said."""
    text = 'tcp dport 80 drop comment "the rule"'
    insert = f'insert rule ip lab forward tcp dport 81 drop comment "{OTHER}"; add rule ip lab forward tcp dport 80 drop comment "{OTHER}"'
    row = nft_changed(lab, lambda: lab.nft("router", insert), {"rule": {"number": 2, "text": text, "comment": "the rule"}, "rule_gap": None})
    says_moved(row)


def nft_policy_changed(lab):
    setup = f"table ip lab {{ chain forward {{ {FORWARD} policy drop; }}; }}"
    partial = {"rule": {"policy": True, "number": None, "text": None}, "rule_gap": contains("policy was changed between the drop and this reading")}
    change = lambda: lab.nft("router", f"add chain ip lab forward {{ {FORWARD} policy accept; }}")  # noqa: E731
    one_syn(lab, lambda: lab.nft("router", setup), change, partial, cause="netfilter_policy")


def nft_policy_chain_anew(lab):
    setup = f"table ip lab {{ chain forward {{ {FORWARD} policy drop; }}; }}"
    partial = {"rule": {"policy": True, "text": None}, "rule_gap": contains("the chain was removed or replaced")}
    change = lambda: lab.nft("router", f"delete table ip lab; {setup}")  # noqa: E731
    one_syn(lab, lambda: lab.nft("router", setup), change, partial, cause="netfilter_policy")


def nft_element_gone(lab):
    """The element that dropped the SYN is not there any more: the rule still is, and no other element is named."""
    elements = f'{lab.v4(2, 2)} . 80 comment "the element" : drop, {lab.v4(2, 3)} . 80 comment "{OTHER}" : drop'
    verdicts = f"map m {{ type ipv4_addr . inet_service : verdict; elements = {{ {elements} }}; }}"
    setup = f"table ip lab {{ {verdicts}; chain forward {{ {FORWARD} ip daddr . tcp dport vmap @m; }}; }}"
    change = lambda: lab.nft("router", f"delete element ip lab m {{ {lab.v4(2, 2)} . 80 }}")  # noqa: E731
    row = one_syn(lab, lambda: lab.nft("router", setup), change, {"rule": {"number": 1, "text": "ip daddr . tcp dport vmap @m"}})
    check(row["where"]["rule"].get("element") is None, f"an element that is not there: {row['where']}")


def nft_element_made_anew(lab):
    """The same key and verdict with another comment: which element it was is not told, and the rule is."""
    element = f"{lab.v4(2, 2)} . 80 comment"
    verdicts = f'map m {{ type ipv4_addr . inet_service : verdict; elements = {{ {element} "the element" : drop }}; }}'
    setup = f"table ip lab {{ {verdicts}; chain forward {{ {FORWARD} ip daddr . tcp dport vmap @m; }}; }}"
    anew = f'delete element ip lab m {{ {lab.v4(2, 2)} . 80 }}; add element ip lab m {{ {element} "{OTHER}" : drop }}'
    known = {"number": 1, "text": "ip daddr . tcp dport vmap @m"}
    gap = contains("the ruleset was changed between the drop and this reading")
    one_syn(lab, lambda: lab.nft("router", setup), lambda: lab.nft("router", anew), {"rule": known, "rule_gap": gap})  # go() sees that the other comment is nowhere


def iptables_rules(lab, program, restore=False):
    comment = "-m comment --comment"
    if restore:
        text = f"*filter\n:FORWARD ACCEPT [0:0]\n-A FORWARD -p udp -j ACCEPT\n-A FORWARD -p tcp --dport 80 {comment} {OTHER} -j DROP\nCOMMIT\n"
        lab.run("router", program + "-restore", stdin=text)
        return
    lab.iptables("router", program, "-A FORWARD -p udp -j ACCEPT")
    lab.iptables("router", program, f"-A FORWARD -p tcp --dport 80 {comment} the-rule -j DROP")


def iptables_nft_changed(lab, change, partial=None):
    partial = partial or gone(table="filter", chain="FORWARD")
    return one_syn(lab, lambda: iptables_rules(lab, "iptables-nft"), change, partial)


def iptables_nft_replace(lab):
    words = f"-R FORWARD 2 -p tcp --dport 80 -m comment --comment {OTHER} -j DROP"
    iptables_nft_changed(lab, lambda: lab.iptables("router", "iptables-nft", words))


def iptables_nft_restore(lab):
    iptables_nft_changed(lab, lambda: iptables_rules(lab, "iptables-nft", restore=True))


def iptables_nft_moved(lab):
    change = lambda: lab.iptables("router", "iptables-nft", f"-I FORWARD -p tcp --dport 80 -m comment --comment {OTHER} -j DROP")  # noqa: E731
    known = {"backend": "iptables-nft", "number": 2, "comment": "the-rule", "text": contains("--comment the-rule -j DROP")}
    row = iptables_nft_changed(lab, change, {"rule": known, "rule_gap": None})
    says_moved(row)


def legacy_changed(lab, change, partial=None):
    """An earlier attempt has the table watched, or where functions can be traced is told already; the change comes behind the next one."""
    routed(lab)
    iptables_rules(lab, "iptables-legacy")
    lab.iptables("router", "iptables-legacy", "-A FORWARD -p tcp --dport 81 -j DROP")
    stopped = Stopped(lab, ("--netns", lab.inode("router")))
    warmer = lab.connecting("client", lab.v4(2, 2), 81, TWO_SYNS)
    stopped.synfate.wait_attempt({"flow": {"dport": 81}, "where": {"rule": {"number": 3, "how": BY_COUNTERS}}}, 10)
    warmer.outcome(10)
    stopped.stand()
    outcome = lab.connect("client", lab.v4(2, 2), 80, 0.2)
    check(outcome["errno"] != 0, "the lab does not work: nothing was dropped")
    change()
    default = {"rule": {"backend": "iptables-legacy", "table": "filter", "text": None}, "rule_gap": GONE}
    return stopped.go(partial or default)


def legacy_replace(lab):
    """A rule of the same length at the same place."""
    words = "-R FORWARD 2 -p tcp --dport 80 -m comment --comment another-rule -j DROP"
    legacy_changed(lab, lambda: lab.iptables("router", "iptables-legacy", words))


def legacy_replace_match(lab):
    """The same length, the same target and comment: another port."""
    words = "-R FORWARD 2 -p tcp --dport 81 -m comment --comment the-rule -j DROP"
    legacy_changed(lab, lambda: lab.iptables("router", "iptables-legacy", words))


def legacy_restore(lab):
    legacy_changed(lab, lambda: iptables_rules(lab, "iptables-legacy", restore=True))


def legacy_flushed(lab):
    legacy_changed(lab, lambda: lab.iptables("router", "iptables-legacy", "-F"))


def legacy_moved(lab):
    words = f"-I FORWARD -p tcp --dport 80 -m comment --comment {OTHER} -j DROP"
    legacy_changed(lab, lambda: lab.iptables("router", "iptables-legacy", words))


if __name__ == "__main__":
    by_nft = (nft_replace, nft_comment_changed, nft_delete_and_add, nft_chain_anew, nft_table_anew, nft_table_anew_and_equal, nft_table_gone, nft_moved)
    more = (nft_policy_changed, nft_policy_chain_anew, nft_element_gone, nft_element_made_anew, iptables_nft_replace, iptables_nft_restore, iptables_nft_moved)
    main(81, __doc__, *by_nft, *more, legacy_replace, legacy_replace_match, legacy_restore, legacy_flushed, legacy_moved)
