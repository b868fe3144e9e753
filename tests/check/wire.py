#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A change of the contract between bpf/ and userspace/ is a new version of it: old recordings are read by its number.

Compares a hash of wire.h's declarations, without comments and layout, with the one stored in wire.lock. --update stores it, and
refuses to while the number has not moved.
"""

import hashlib
import os
import re
import sys

import checkout

HEADER = "include/synfate/wire.h"
LOCK = "tests/check/wire.lock"
UPDATE = "python3 tests/check/wire.py --update"
TOKEN = re.compile(r"/\*.*?\*/|//[^\n]*|(\"[^\"\n]*\")|([A-Za-z_]\w*|\d\w*|[^\s\w])|(\n)", re.DOTALL)
VERSION = re.compile(r"^[ \t]*#[ \t]*define[ \t]+WIRE_VERSION[ \t]+(\d+)[ \t]*$", re.MULTILINE)


def version_of(text):
    match = VERSION.search(text)
    return int(match.group(1)) if match else None


def digest(text):
    """Of the tokens, one directive or declaration after another; the version's own line is not part of it."""
    tokens = []
    for match in TOKEN.finditer(VERSION.sub("", text)):
        tokens += [group for group in match.groups()[:2] if group]
    return hashlib.sha256(" ".join(tokens).encode()).hexdigest()


def read_lock(text):
    """(version, hash) or None."""
    match = re.search(r"^version (\d+)\nsha256 ([0-9a-f]{64})$", text, re.MULTILINE)
    return (int(match.group(1)), match.group(2)) if match else None


def judge(text, lock):
    """A complaint or None."""
    version = version_of(text)
    if version is None:
        return "%s: #define WIRE_VERSION <number> is missing" % HEADER
    if lock is None:
        return "%s: missing or unreadable; run: %s" % (LOCK, UPDATE)
    same = digest(text) == lock[1]
    if version < lock[0]:
        return "%s: WIRE_VERSION is %d, and version %d was given out already; numbers only grow" % (HEADER, version, lock[0])
    if version == lock[0] and not same:
        return ("%s: declarations have changed but WIRE_VERSION is still %d; set it to %d, teach userspace/wire to read version %d, then "
                "run: %s" % (HEADER, version, version + 1, version, UPDATE))
    if version > lock[0]:
        return "%s: WIRE_VERSION is %d, %s is of version %d; run: %s" % (HEADER, version, LOCK, lock[0], UPDATE)
    return None


def update(root):
    text = checkout.read(root, HEADER)
    path = os.path.join(root, LOCK)
    lock = read_lock(checkout.read(root, LOCK)) if os.path.exists(path) else None
    version = version_of(text)
    if version is None or lock and (version < lock[0] or version == lock[0] and digest(text) != lock[1]):
        return [judge(text, lock)]
    with open(path, "w", encoding="ascii") as file:
        file.write("version %d\nsha256 %s\n" % (version, digest(text)))
    return []


def check(root):
    path = os.path.join(root, LOCK)
    lock = read_lock(checkout.read(root, LOCK)) if os.path.exists(path) else None
    said = judge(checkout.read(root, HEADER), lock)
    return [said] if said else []


def main():
    options = checkout.parser(__doc__)
    options.add_argument("--update", action="store_true", help="store the hash of a new version")
    options = options.parse_args()
    return checkout.finish(update(options.root) if options.update else check(options.root))


if __name__ == "__main__":
    sys.exit(main())
