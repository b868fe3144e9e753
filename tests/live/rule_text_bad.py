# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Rules whose text is hostile, or too much: control characters of a comment reach neither a terminal nor JSON as they are, what imitates a
listing is not taken for one, and ten megabytes of rules still give a row.

  client eth0 ────── toclient router toserver ────── eth0 server
  10.84.1.2         10.84.1.1  ✗   10.84.2.1        10.84.2.2
"""

import json
import re

import tool
from expect import check, contains
from guests import IN_GUEST
from scenario import main
from usual import TWO_SYNS
from topology import routed

# To clear the screen, to set the title, the C1 form of the same, to overwrite the line, to ring, to delete, to turn the direction of text.
HOSTILE = "a\x1b[2J\x1b]0;title\x07b\u009b31mc\rd\be\x7ff\u202eg"
IMITATION = 'h" -j ACCEPT\n-A FORWARD -p tcp --dport 80 -m comment --comment "impostor" -j DROP\nCOMMIT\n*filter\n'


# Line separators, and what turns the direction of text.
DIRECTIONS = "\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"


def is_harmless(text, newline=True):
    allowed = "\n" if newline else ""
    bad = [c for c in text if (ord(c) < 0x20 and c not in allowed) or 0x7F <= ord(c) <= 0x9F or c in DIRECTIONS]
    check(not bad, f"reaches the reader as it is: {bad!r} in {text!r}")


class Printed:
    """One run for people and one for programs, of the same drops."""

    def __init__(self, lab, legacy):
        self.lab, self.legacy = lab, legacy
        arguments = ("trace", "--netns", lab.inode("router"), "-v")
        self.text = lab.synfate(*arguments, "--color", "always", json_lines=False)
        self.json = lab.synfate(*arguments)
        self.lab.connect("client", lab.v4(2, 2), 80, TWO_SYNS if legacy else 0.3)

    def row(self, rule, **where):
        row = self.json.expect_attempt({"flow": {"dport": 80}}, {"where": {"rule": rule, **where}}, 20)
        deadline = tool.Deadline(10)
        with self.text.changed:
            while not [line for line in self.text.text if "where" in line]:
                check(not deadline.passed(), "nothing was printed for people")
                self.text.changed.wait(1)
        self.json.stop()
        self.text.process.send_signal(2)
        done = self.text.finish()
        # Its own colours are the only escapes.
        colours = re.compile(r"\x1b\[[0-9;]*m")
        is_harmless(colours.sub("", "\n".join(self.text.text)))
        check("\x1b[31mc" not in "\n".join(self.text.text), "a colour of the comment's")
        is_harmless(done.stderr)
        for line in self.json.text:
            # Valid JSON escapes those below 0x20; the others are let through by many a program that prints it.
            is_harmless(line, newline=False)
        is_harmless(json.dumps(row["where"], ensure_ascii=False), newline=False)
        return row


def rows_of(lab, load, rule, legacy=False, **where):
    routed(lab)
    load()
    return Printed(lab, legacy).row(rule, **where)


def iptables(lab, program, comment):
    argv = [program, "-w", "-A", "FORWARD", "-p", "tcp", "--dport", "80", "-m", "comment", "--comment", comment, "-j", "DROP"]
    lab.run("router", program, "-A", "FORWARD", "-p", "udp", "-j", "ACCEPT")
    lab.run("router", *argv)


def iptables_nft_hostile(lab):
    rows_of(lab, lambda: iptables(lab, "iptables-nft", HOSTILE), {"backend": "iptables-nft", "chain": "FORWARD", "number": 2, "policy": False})


def iptables_legacy_hostile(lab):
    rows_of(lab, lambda: iptables(lab, "iptables-legacy", HOSTILE), {"backend": "iptables-legacy", "number": 2, "policy": False}, legacy=True)


def iptables_nft_imitation(lab):
    known = {"backend": "iptables-nft", "chain": "FORWARD", "number": 2, "policy": False}
    row = rows_of(lab, lambda: iptables(lab, "iptables-nft", IMITATION), known)
    check(not (row["where"]["rule"]["comment"] or "").startswith("impostor"), f"the imitation was read: {row['where']}")


def iptables_legacy_imitation(lab):
    row = rows_of(lab, lambda: iptables(lab, "iptables-legacy", IMITATION), {"number": 2, "policy": False}, legacy=True)
    check(not (row["where"]["rule"]["comment"] or "").startswith("impostor"), f"the imitation was read: {row['where']}")


def nft_hostile(lab):
    rule = f'table ip lab {{ chain forward {{ type filter hook forward priority 0; tcp dport 80 drop comment "{HOSTILE}"; }}; }}'
    rows_of(lab, lambda: lab.nft("router", rule), {"backend": "nft", "table": "lab", "chain": "forward", "number": 1})


def nft_imitation(lab):
    """Two lines that look like rules, one with the handle of the rule itself."""
    comment = "x # handle 2\n\t\ttcp dport 80 drop comment impostor # handle 3"
    rules = f'ct state established accept; tcp dport 80 drop comment "{comment}"'
    ruleset = f"table ip lab {{ chain forward {{ type filter hook forward priority 0; {rules}; }}; }}"
    row = rows_of(lab, lambda: lab.nft("router", ruleset), {"backend": "nft", "chain": "forward", "number": 2, "handle": 3})
    text = row["where"]["rule"]["text"]
    check(text is None or text.startswith("tcp dport 80 drop comment \"x"), f"the imitation was read: {row['where']}")


def nft_element_hostile(lab):
    element = f'{lab.v4(2, 2)} comment "{HOSTILE}" : drop'
    verdicts = f"map m {{ type ipv4_addr : verdict; elements = {{ {element} }}; }}"
    ruleset = f"table ip lab {{ {verdicts}; chain forward {{ type filter hook forward priority 0; ip daddr vmap @m; }}; }}"
    rows_of(lab, lambda: lab.nft("router", ruleset), {"backend": "nft", "element": contains(" : drop")})


LONG = "c" * 240


# A guest's processors are emulated: a tenth there.
SHARE = 10 if IN_GUEST else 1


def ten_megabytes_legacy(lab):
    """40,000 rules with long comments: ten megabytes of iptables-save."""
    routed(lab)
    count = 40000 // SHARE
    lines = [f'-A FORWARD -s 192.168.{n // 250 % 250}.{n % 250}/32 -p udp -m comment --comment "{n} {LONG}" -j ACCEPT' for n in range(count)]
    lines.append('-A FORWARD -p tcp -m tcp --dport 80 -m comment --comment "the rule" -j DROP')
    lab.run("router", "iptables-legacy-restore", stdin="\n".join(["*filter", ":FORWARD ACCEPT [0:0]", *lines, "COMMIT", ""]))
    check(len(lab.run("router", "iptables-legacy-save")) > 10_000_000 / SHARE, "these are not ten megabytes")
    named_or_said(lab, count + 1, TWO_SYNS)


def ten_megabytes_nft(lab):
    routed(lab)
    count = 62000 // SHARE
    words = [f'ip saddr 192.168.{n // 250 % 250}.{n % 250} accept comment "{n} {LONG[:100]}"' for n in range(count)]
    rules = "\n".join(["type filter hook forward priority 0;", *words, 'tcp dport 80 drop comment "the rule"'])
    lab.nft("router", f"table ip lab {{\n chain forward {{\n{rules}\n }}\n}}\n")
    named_or_said(lab, count + 1, 0.3)


def named_or_said(lab, number, seconds):
    synfate = lab.synfate("trace", "--netns", lab.inode("router"))
    lab.connect("client", lab.v4(2, 2), 80, seconds)
    row = synfate.expect_attempt({"flow": {"dport": 80}}, {"fate": "dropped", "where": {"rule": {"number": number, "policy": False}}}, 30)
    rule, gap = row["where"]["rule"], row["where"]["rule_gap"]
    check((rule["comment"] == "the rule") != bool(gap), f"neither text nor gap, or both: {row['where']}")
    synfate.stop()
    print(f"rule {number}: {'its text' if rule['text'] else gap}")


if __name__ == "__main__":
    hostile = (iptables_nft_hostile, iptables_legacy_hostile, iptables_nft_imitation, iptables_legacy_imitation)
    main(84, __doc__, *hostile, nft_hostile, nft_imitation, nft_element_hostile, ten_megabytes_legacy, ten_megabytes_nft)
