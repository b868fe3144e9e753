#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Nothing of the machine that the project is written on: no paths of it, no hosts of package registries or mirrors.

What to look for is asked of the machine and not listed here: where the checkout lies, and which hosts its packages come from. Looks at text
only, generated headers included; a recording is looked at too, for paths survive in binary files.
"""

import glob
import os
import re
import sys

import checkout

# The first folder of a path that means the same on every machine, and so tells nothing of one.
EVERYWHERE = {"bin", "boot", "dev", "etc", "lib", "lib64", "media", "mnt", "opt", "proc", "run", "sbin", "srv", "sys", "tmp", "usr", "var"}
HOMES = [
    (re.compile(r"(?<![\w.*}-])/[h]ome/[\w.]"), "somebody's home directory"),
    (re.compile(r"(?<![\w.*}-])/[r]oot/[\w.]"), "root's home directory"),
]
# Hosts that the documents may point a reader to; the rest are names for examples.
LINKS = {"keepachangelog.com", "semver.org", "x"}
URL = re.compile(r"https?://([^/\s\"'<>()]+)")
NUMERIC = re.compile(r"[\d.:\[\]a-f]+")
# A host that hands out packages says so in its first label, whoever runs it.
SOURCE = re.compile(r"\b(?:archive|deb|files|ftp|index|mirror|mirrors|npm|packages|pkg|ports|proxy|pypi|registry|security|snapshot|static)"
                    r"[\w-]*(?:\.[a-z0-9-]+)+\.(?:com|dev|io|net|org)\b")
# /proc/PID/root is the root directory of a process, and no home.
PROC_ROOT = re.compile(r"proc\b.*/[r]oot/")


def configured_hosts():
    """Where this machine's own package clients fetch from."""
    hosts = set()
    for path in glob.glob("/etc/apt/sources.list") + glob.glob("/etc/apt/sources.list.d/*") + [os.path.expanduser("~/.npmrc"), "/etc/pip.conf"]:
        if os.path.isfile(path):
            with open(path, encoding="utf-8", errors="replace") as file:
                hosts.update(host.split("@")[-1].split(":")[0] for host in URL.findall(file.read()))
    return {host for host in hosts if "." in host and not NUMERIC.fullmatch(host)}


def rules_for(root, hosts=()):
    """Patterns with what they mean, for a checkout that lies at `root`."""
    rules = list(HOMES)
    first = os.path.realpath(root).split("/")[1]
    # Nor does a name that the project itself uses: "$top/build/synfate".
    own = set(os.listdir(root)) | {"build"} if os.path.isdir(root) else {"build"}
    if first and first not in EVERYWHERE | {"home", "root"} | own:
        rules.append((re.compile(r"(?<![\w.*}-])/%s/[\w.]" % re.escape(first)), "a path of one machine; name it relative to the checkout"))
    rules += [(re.compile(r"\b%s\b" % re.escape(host)), "a host that this machine's packages come from") for host in sorted(hosts)]
    rules.append((SOURCE, "a package registry's or mirror's host"))
    return rules


def check_text(path, text, rules):
    complaints = []
    for number, line in enumerate(text.split("\n"), 1):
        for pattern, what in rules:
            match = pattern.search(line)
            if match and not PROC_ROOT.search(line):
                complaints.append("%s:%d: %s: %s" % (path, number, match.group(), what))
        for host in URL.findall(line):
            if host not in LINKS and not NUMERIC.fullmatch(host):
                complaints.append("%s:%d: %s: a host that is not one of the documents' links (LINKS)" % (path, number, host))
    return complaints


def check(root):
    complaints = []
    rules = rules_for(root, configured_hosts())
    for path in checkout.files(root):
        if os.path.getsize(os.path.join(root, path)) > 0:
            complaints += check_text(path, checkout.read(root, path), rules)
    return complaints


if __name__ == "__main__":
    sys.exit(checkout.finish(check(checkout.parser(__doc__).parse_args().root)))
