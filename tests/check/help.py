#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The --help texts are part of the interface: each is compared with help/COMMAND.txt, so that a change of one shows in review.

Runs the binary with --help only, without root and without a terminal. --update rewrites the texts.
"""

import difflib
import os
import re
import subprocess
import sys

import checkout

TEXTS = "tests/check/help"
# DESIGN's commands; one that the binary does not know yet exits with usage and has no text.
COMMANDS = ("trace", "run", "probe", "pods", "doctor", "replay", "demo")
PROGRAM = "synfate"
WIDEST = 100


def ask(binary, command):
    """(exit status, stdout, stderr) of `synfate [COMMAND] --help`."""
    environment = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "NO_COLOR": "1"}
    asked = subprocess.run([binary] + ([command] if command else []) + ["--help"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                           stderr=subprocess.PIPE, env=environment, timeout=20, check=False)
    return asked.returncode, asked.stdout.decode("utf-8", "replace"), asked.stderr.decode("utf-8", "replace")


def check_text(name, text, whole):
    complaints = []
    for number, line in enumerate(text.splitlines(), 1):
        if line != line.rstrip() or "\x1b" in line or "\t" in line:
            complaints.append("%s --help, line %d: trailing blanks, a tab or a colour" % (name, number))
        if len(line) > WIDEST:
            complaints.append("%s --help, line %d: %d columns, more than %d" % (name, number, len(line), WIDEST))
    if name != PROGRAM and not re.search(r"(^|\W)%s\b" % re.escape(name.split()[1]), whole):
        complaints.append("%s --help does not name the command %s" % (PROGRAM, name.split()[1]))
    return complaints


def check(root, binary, updating):
    complaints = []
    folder = os.path.join(root, TEXTS)
    asked = {"": ask(binary, "")}
    whole = asked[""][1]
    asked.update((command, ask(binary, command)) for command in COMMANDS)
    expected = {os.path.splitext(name)[0] for name in os.listdir(folder)} if os.path.isdir(folder) else set()
    for command, (status, out, err) in asked.items():
        name = (PROGRAM + " " + command).strip()
        stem = command or PROGRAM
        path = os.path.join(folder, stem + ".txt")
        # An option parser may answer --help before it looks at the word in front of it: then the text is the whole program's.
        unknown = bool(command) and (status == 1 or out == whole)
        if status != 0 or unknown:
            if not unknown or stem in expected:
                complaints.append("%s --help exits with %d: %s" % (name, status, err.strip()[:200]))
            continue
        if err:
            complaints.append("%s --help writes to stderr: %s" % (name, err.strip()[:200]))
        complaints += check_text(name, out, whole)
        if updating:
            os.makedirs(folder, exist_ok=True)
            with open(path, "w", encoding="utf-8") as file:
                file.write(out)
        elif stem not in expected:
            complaints.append("%s/%s.txt is missing; make it with: python3 tests/check/help.py --binary %s --update" % (TEXTS, stem, PROGRAM))
        else:
            before = checkout.read(root, "%s/%s.txt" % (TEXTS, stem))
            if before != out:
                diff = difflib.unified_diff(before.splitlines(), out.splitlines(), "%s/%s.txt" % (TEXTS, stem), name + " --help", lineterm="")
                complaints.append("%s --help has changed; if that is meant, run help.py with --update:\n%s" % (name, "\n".join(diff)))
    for stem in sorted(expected - set(COMMANDS) - {PROGRAM}):
        complaints.append("%s/%s.txt is the text of no command" % (TEXTS, stem))
    return complaints


def main():
    options = checkout.parser(__doc__)
    options.add_argument("--binary", default=os.environ.get("SYNFATE", os.path.join(checkout.ROOT, "build", "synfate")))
    options.add_argument("--update", action="store_true", help="rewrite the texts")
    options = options.parse_args()
    if not os.access(options.binary, os.X_OK):
        return checkout.finish(["%s is not there or cannot be run; build it first" % options.binary])
    return checkout.finish(check(options.root, options.binary, options.update))


if __name__ == "__main__":
    sys.exit(main())
