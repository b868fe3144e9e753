#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Nothing of the machine that the project was written on: no paths of it, no hosts of package registries or mirrors.

Looks at text only, generated headers included; a recording is looked at too, for paths survive in binary files.
"""

import os
import re
import sys

import checkout

# One letter is in brackets so that this file does not find itself.
RULES = [
    (re.compile(r"(?<![\w.*}-])/[w]ork/[\w.]"), "a path of one machine; name it relative to the checkout"),
    (re.compile(r"(?<![\w.*}-])/[h]ome/[\w.]"), "somebody's home directory"),
    (re.compile(r"(?<![\w.*}-])/[r]oot/[\w.]"), "root's home directory"),
    (re.compile(r"\b(?:deb|security|snapshot|ftp\.\w+)\.[d]ebian\.org|\b(?:archive|security|ports)\.[u]buntu\.com"), "a package mirror's host"),
    (re.compile(r"\b(?:files\.pythonhosted\.org|[p]ypi\.org|registry\.[n]pmjs\.org|proxy\.[g]olang\.org|sum\.[g]olang\.org|"
                r"static\.[c]rates\.io|index\.[c]rates\.io|[q]uay\.io|[g]cr\.io|[g]hcr\.io|registry-1\.[d]ocker\.io|deb\.[n]odesource\.com)"),
     "a package registry's host"),
    (re.compile(r"https?://[^/\s\"'<>]*(?:artifactory|nexus|pkg-mirror)[^/\s\"'<>]*"), "a package mirror's host"),
]
# /proc/PID/root is the root directory of a process, and no home.
PROC_ROOT = re.compile(r"proc\b.*/[r]oot/")


def check_text(path, text):
    complaints = []
    for number, line in enumerate(text.split("\n"), 1):
        for pattern, what in RULES:
            match = pattern.search(line)
            if match and not PROC_ROOT.search(line):
                complaints.append("%s:%d: %s: %s" % (path, number, match.group(), what))
    return complaints


def check(root):
    complaints = []
    for path in checkout.files(root):
        if os.path.getsize(os.path.join(root, path)) > 0:
            complaints += check_text(path, checkout.read(root, path))
    return complaints


if __name__ == "__main__":
    sys.exit(checkout.finish(check(checkout.parser(__doc__).parse_args().root)))
