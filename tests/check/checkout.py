# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What the checks share: which files the project has, and how a check reports. Checks read; only --update of a check writes."""

import argparse
import os
import subprocess
import sys

ROOT = os.path.realpath(os.path.join(os.path.dirname(__file__), "..", ".."))
SKIP = 77


def files(root):
    """Every file of the project, tracked or about to be, as sorted paths relative to root."""
    git = ["git", "-C", root, "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    if os.path.exists(os.path.join(root, ".git")):
        try:
            listed = subprocess.run(git, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True).stdout
            names = listed.decode("utf-8", "surrogateescape").split("\0")
            return sorted(name for name in names if name and os.path.isfile(os.path.join(root, name)))
        except (OSError, subprocess.CalledProcessError):
            # git is missing or distrusts the directory's owner: walk instead.
            pass
    found = []
    for directory, subdirectories, names in os.walk(root):
        at = os.path.relpath(directory, root)
        subdirectories[:] = [d for d in subdirectories if d not in (".git", "__pycache__", ".cache")
                             and not (at == "." and (d == "build" or d.startswith("build-")))]
        found += [os.path.normpath(os.path.join(at, name)) for name in names if not name.endswith(".pyc")]
    return sorted(found)


def read(root, path):
    """The text of a file; bytes that are not UTF-8 become U+FFFD."""
    with open(os.path.join(root, path), encoding="utf-8", errors="replace", newline="") as file:
        return file.read()


def is_binary(root, path):
    with open(os.path.join(root, path), "rb") as file:
        return b"\0" in file.read(65536)


def parser(description):
    options = argparse.ArgumentParser(description=description)
    options.add_argument("--root", default=ROOT, help="the checkout to look at")
    return options


def finish(complaints):
    """Prints them and returns the exit status: each complaint says where, what is wrong, and what to do."""
    for complaint in complaints:
        print(complaint, file=sys.stderr)
    if complaints:
        print("%d complaint(s)" % len(complaints), file=sys.stderr)
    return 1 if complaints else 0
