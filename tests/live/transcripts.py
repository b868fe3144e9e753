# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What synfate prints of an incident, and that docs/incidents.md shows it as it is. What differs from run to run is made the same first.

SYNFATE_UPDATE_TRANSCRIPTS=1 writes the pages anew instead of comparing them."""

import itertools
import os
import re
import signal

import tool
from expect import Mismatch, check
from guests import IN_GUEST

PAGE = os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, os.pardir, "docs", "incidents.md")

SUMMARY = re.compile(r"\d+ attempts? in |no failed attempt ")

# In order. Times, ephemeral ports, numbers of namespaces and processes, handles of rules, and how long things took.
SAME = (
    (r"^\d\d:\d\d:\d\d\.\d{3}", "14:40:31.204"),
    (r"\b40265\d{5}\b", "4026532511"),
    (r"(?<=:)(3[2-9]\d{3}|[45]\d{4}|6[01]\d{3})\b", "43210"),
    (r"(?<=nsenter -t )\d+", "4242"),
    (r"\[\d+\]", "[4242]"),
    (r"(?<=handle )\d+", "41"),
    (r"\b\d+\.\d+ (?=s\b)", "1.0 "),
    (r"\b\d+ (?=ms\b)", "20 "),
    (r"\b[0-9a-f]{2}(:[0-9a-f]{2}){5}\b", "02:42:ac:12:00:03"),
    (r"\bSYN ×\d+", "SYN ×3"),
    # Names that docker and the CNI plugins draw; those of the labs have a number.
    (r"\bbr-[0-9a-f]{12}\b", "br-5d1e90a3c7f2"),
    (r"\bveth(?!0000)[0-9a-f]{7,8}\b", "veth5c2a91e0"),
    (r"(?<=insert_failed is )\d+", "1"),
    (r"\b\d+ SYNs", "3 SYNs"),
    (r"(?<=/proc/)\d+(?=/)", "4242"),
    (r"\b\d+ since it was made", "6 since it was made"),
)


def usual(line):
    for pattern, same in SAME:
        line = re.sub(pattern, same, line)
    return line.rstrip()


def block(name, page):
    """The text between the fences after <!-- transcript: NAME -->, with where it begins and ends."""
    mark = f"<!-- transcript: {name} -->\n```\n"
    begin = page.find(mark)
    check(begin >= 0, f"docs/incidents.md has no transcript {name}")
    begin += len(mark)
    return begin, page.index("```\n", begin)


def compare(name, lines):
    told_now = "".join(usual(line) + "\n" for line in lines)
    with open(PAGE, encoding="utf-8") as file:
        page = file.read()
    begin, end = block(name, page)
    if os.environ.get("SYNFATE_UPDATE_TRANSCRIPTS") == "1":
        with open(PAGE, "w", encoding="utf-8") as file:
            file.write(page[:begin] + told_now + page[end:])
    elif page[begin:end] != told_now:
        raise Mismatch(f"docs/incidents.md shows another transcript of {name} than synfate gives now:\n{told_now}\ninstead of\n{page[begin:end]}")


def rows_of(lines):
    """The rows before the summary, numbered anew. Whatever has a namespace that is known by its number only is of another run of these labs."""
    rows, numbers = [], {}
    for line in itertools.takewhile(lambda one: not SUMMARY.match(one), lines):
        if re.match(r"\d\d:\d\d:\d\d", line):
            rows.append([])
        rows[-1].append(line)
    own = [line for row in rows if not re.search(r"\b40265\d{5}\b", "\n".join(row)) for line in row]
    return [re.sub(r"(?<=#)\d+(?=\)$)", lambda found: str(numbers.setdefault(found.group(), len(numbers) + 1)), line) for line in own]


def told(lab, name, act, expected, rows=1, revisions=1, scope=(), until=None):
    """`act` makes the incident; its first row must be as `expected`, and its text as the page has it. The rows of others are not looked at.
    A row that is expected to change counts with its last revision, and so does its text;
    `until`: the text is waited for until a line has that in it."""
    scope = scope or ("--host", f"10.{lab.number}.0.0/16")
    synfate = lab.synfate("trace", *scope)
    changing = lab.synfate("trace", *scope, json_lines=False) if revisions > 1 or until else None
    act()
    found = [synfate.expect_attempt({}, expected, timeout=5 * revisions)]
    ended = [row for row in synfate.stop().attempts() if synfate.ours(row)]
    check(len(ended) == rows, f"{len(ended)} rows, not {rows}")
    if changing is not None:
        if until:
            changing.wait_text(until)
        changing.process.send_signal(signal.SIGINT)
    else:
        changing = lab.synfate("trace", *scope, "--count", rows, json_lines=False)
        act()
    changing.finish()
    # Emulated machines are slow, and other kernels have other words.
    if not IN_GUEST:
        compare(name, rows_of(changing.text))
    return found[0]
