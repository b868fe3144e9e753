#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Formatting: clang-format for C++ and BPF, and for every text file no trailing blanks, one newline at the end, no tabs in C++ or Python.

Reports and never rewrites: `clang-format-14 -i FILE` does that. Captured and generated files are as they came.
"""

import re
import shutil
import subprocess
import sys

import checkout

# Another major version lays out some constructs differently, so its opinion would depend on the machine.
VERSION = 14
AS_THEY_CAME = re.compile(r"vmlinux/.*\.h|tests/fixtures/.*|tests/golden/[^/]+/.*|tests/fuzz/seeds/.*|tests/check/help/.*|LICENSE")
CLANG = (".cpp", ".hpp", ".c", ".h")
# The kernel's own style, which Google's settings would undo: the contract that C and C++ share.
KERNEL_STYLE = ("include/synfate/wire.h",)


def clang_format():
    """(command, None), or (None, why there is none)."""
    seen = []
    for name in ("clang-format-%d" % VERSION, "clang-format"):
        command = shutil.which(name)
        if not command:
            continue
        said = subprocess.run([command, "--version"], stdout=subprocess.PIPE, universal_newlines=True, check=False).stdout
        match = re.search(r"version (\d+)", said)
        if match and int(match.group(1)) == VERSION:
            return command, None
        seen.append("%s is version %s" % (name, match.group(1) if match else "?"))
    return None, "clang-format %d is not installed%s" % (VERSION, " (%s)" % ", ".join(seen) if seen else "")


def check_text(path, text):
    complaints = []
    for number, line in enumerate(text.split("\n"), 1):
        if line.endswith((" ", "\t", "\r")):
            complaints.append("%s:%d: blanks or a carriage return at the end of the line" % (path, number))
        if "\t" in line and path.endswith((".cpp", ".hpp", ".py", "CMakeLists.txt", ".cmake")):
            complaints.append("%s:%d: a tab; this language is indented with spaces here" % (path, number))
    if text and not text.endswith("\n"):
        complaints.append("%s: no newline at the end of the file" % path)
    if text.endswith("\n\n"):
        complaints.append("%s: empty lines at the end of the file" % path)
    return complaints


def check(root, command):
    complaints = []
    sources = []
    for path in checkout.files(root):
        if AS_THEY_CAME.fullmatch(path) or checkout.is_binary(root, path):
            continue
        complaints += check_text(path, checkout.read(root, path))
        if path.endswith(CLANG) and path not in KERNEL_STYLE:
            sources.append(path)
    if command and sources:
        said = subprocess.run([command, "--dry-run", "-Werror", "--style=file"] + sources, cwd=root, stdout=subprocess.DEVNULL,
                              stderr=subprocess.PIPE, universal_newlines=True, check=False)
        ill = sorted(set(re.findall(r"^(\S+?):\d+:\d+: (?:error|warning)", said.stderr, re.MULTILINE)))
        complaints += ["%s: not as clang-format-%d has it; run: clang-format-%d -i %s" % (path, VERSION, VERSION, path) for path in ill]
        if said.returncode != 0 and not ill:
            complaints.append("clang-format failed: " + said.stderr.strip())
    return complaints


def main():
    root = checkout.parser(__doc__).parse_args().root
    command, why = clang_format()
    status = checkout.finish(check(root, command))
    if status == 0 and not command:
        print("skip: the C++ layout was not checked, for %s" % why)
        return checkout.SKIP
    return status


if __name__ == "__main__":
    sys.exit(main())
