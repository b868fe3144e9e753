#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""One cause has one name everywhere: causes.txt against the judge, its unit tests, the live tests, the golden cases and the README.

Compares names only; whether a cause is judged rightly is for the tests that it looks for.
"""

import os
import re
import sys

import checkout

LIST = "tests/check/causes.txt"
STATES = ("done", "judged", "later")
FATES = ("established", "dropped", "refused", "unanswered", "closed_early", "parked", "vanished", "unfinished", "note")
NAME = re.compile(r"[a-z][a-z0-9_]*")
LITERAL = re.compile(r'"([a-z][a-z0-9_]*)"')
COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)
# Where a literal is a cause's name by its place: `cause = "x"`, `.name = "x"`, and a row `{"x", match_x}` of the table.
NAMED = re.compile(r'(?:\bcause\s*=|\.name\s*=|\{(?=\s*"\w+"\s*,\s*&?match_))\s*"([a-z][a-z0-9_]*)"')


def read_list(text):
    """({cause: state}, complaints)"""
    causes, complaints = {}, []
    for number, line in enumerate(text.splitlines(), 1):
        words = line.split("#")[0].split()
        if not words:
            continue
        at = "%s:%d" % (LIST, number)
        if len(words) != 3 or not NAME.fullmatch(words[0]) or words[2] not in STATES or any(f not in FATES for f in words[1].split(",")):
            complaints.append("%s: want: cause fate[,fate] %s" % (at, "|".join(STATES)))
        elif words[0] in causes:
            complaints.append("%s: %s is listed twice" % (at, words[0]))
        else:
            causes[words[0]] = words[2]
    return causes, complaints


def owner(case, causes):
    """The cause that a test or case is about, by the longest cause that its name begins with; None for tests about something else."""
    fitting = [cause for cause in causes if case == cause or case.startswith((cause + "_", cause + "-"))]
    return max(fitting, key=len, default=None)


def readme_rows(text):
    """Causes in the first cell of the README's table rows: `| `a`, `b` | ...`."""
    rows = set()
    in_causes = False
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if not line.lstrip().startswith("|"):
            in_causes = False
        elif cells[0].lower() in ("cause", "causes"):
            in_causes = True
        elif in_causes:
            rows.update(re.findall(r"`([a-z][a-z0-9_]*)`", cells[0]))
    return rows


def gather(root):
    """Names by where they are found."""
    found = {"judge": set(), "named": {}, "unit": set(), "live": set(), "golden": set(), "readme": set()}
    for path in checkout.files(root):
        parts = path.split("/")
        if path.startswith("userspace/judge/") and path.endswith((".cpp", ".hpp")):
            text = COMMENT.sub("", checkout.read(root, path))
            found["judge"].update(LITERAL.findall(text))
            for name in NAMED.findall(text):
                found["named"].setdefault(name, path)
        elif path.startswith("tests/unit/judge/") and path.endswith((".cpp", ".hpp")):
            found["unit"].update(LITERAL.findall(COMMENT.sub("", checkout.read(root, path))))
        elif len(parts) == 3 and path.startswith("tests/live/") and path.endswith(".py"):
            found["live"].add(re.sub(r"_test$", "", parts[2][:-3]))
        elif len(parts) == 4 and path.startswith("tests/golden/") and parts[3].startswith("recording"):
            found["golden"].add(parts[2])
        elif path == "README.md":
            found["readme"] = readme_rows(checkout.read(root, path))
    return found


def check(root):
    if not os.path.exists(os.path.join(root, LIST)):
        return ["%s is missing: it is the list of causes that everything is held to" % LIST]
    causes, complaints = read_list(checkout.read(root, LIST))
    found = gather(root)
    live = {owner(case, causes) for case in found["live"]}
    golden = {owner(case, causes) for case in found["golden"]}
    for cause, state in causes.items():
        lacks = []
        if state != "later":
            if cause not in found["judge"]:
                lacks.append("a name in userspace/judge/")
            if cause not in found["unit"]:
                lacks.append("a unit test in tests/unit/judge/ that says \"%s\"" % cause)
            if cause not in found["readme"]:
                lacks.append("a row in README.md's table of causes")
        if state == "done":
            if cause not in live:
                lacks.append("a live test tests/live/%s*.py" % cause)
            if cause not in golden:
                lacks.append("a golden case tests/golden/%s*/recording*" % cause)
        if lacks:
            complaints.append("%s is %s in %s but lacks: %s" % (cause, state, LIST, "; ".join(lacks)))
        if state == "later" and (cause in found["judge"] or cause in found["readme"]):
            where = "the judge" if cause in found["judge"] else "README.md"
            complaints.append("%s is 'later' in %s but %s names it already: raise its state" % (cause, LIST, where))
        if state == "judged" and cause in live and cause in golden:
            complaints.append("%s has a live test and a golden case: it is 'done', say so in %s" % (cause, LIST))
    for name, path in sorted(found["named"].items()):
        if name not in causes:
            complaints.append("%s: %s is no cause of %s; add it there, or use the name that is there" % (path, name, LIST))
    for name in sorted(found["readme"] - set(causes)):
        complaints.append("README.md: %s is no cause of %s" % (name, LIST))
    return complaints


if __name__ == "__main__":
    sys.exit(checkout.finish(check(checkout.parser(__doc__).parse_args().root)))
