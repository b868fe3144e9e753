#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The kernels of the test guests: found among the distribution's packages, downloaded, unpacked into build/vm/kernels, never installed.

  kernels.py fetch BUILD/vm    one folder for each series; what is there in its newest version is not fetched again
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile

# The series, and what its packages are called: those for virtual machines are small and have all that a lab needs.
SERIES = {
    "6.1": r"linux-image-6\.1\.0-\d+-cloud-amd64",
    "6.12": r"linux-image-6\.12\.\d+\+deb12-cloud-amd64-unsigned",
}


class Kernel:
    """An unpacked package: its image, and its modules by their release ("6.1.0-56-cloud-amd64")."""

    def __init__(self, folder):
        self.folder = folder
        releases = os.listdir(os.path.join(folder, "lib/modules"))
        if len(releases) != 1:
            raise ValueError(f"{folder} has modules of {len(releases)} kernels")
        self.release = releases[0]
        self.image = os.path.join(folder, "boot", "vmlinuz-" + self.release)
        self.modules = os.path.join(folder, "lib/modules", self.release)


def folder_of(build, series):
    return os.path.join(build, "kernels", series)


def cached(build, series):
    """The Kernel that was fetched before, or None."""
    try:
        versions = sorted(os.listdir(folder_of(build, series)), key=numbers)
    except FileNotFoundError:
        return None
    return Kernel(os.path.join(folder_of(build, series), versions[-1])) if versions else None


def numbers(name):
    """How versions and names with versions in them are ordered."""
    return [int(part) for part in re.findall(r"\d+", name)]


def newest(names, pattern):
    """The newest of the package names that are of a series, or None."""
    ours = [name for name in names if re.fullmatch(pattern, name)]
    return max(ours, key=numbers) if ours else None


def say(text):
    print("synfate: " + text, file=sys.stderr, flush=True)


def asked(*argv):
    """What a command said; "" where it failed, which for apt-cache means that it knows no such package."""
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, universal_newlines=True, check=False)
    return done.stdout if done.returncode == 0 else ""


def candidate(series):
    """(package, version, bytes) of the newest package of a series that apt knows, or None."""
    found = asked("apt-cache", "search", "--names-only", "^linux-image-" + re.escape(series) + r"\.")
    name = newest([line.split(" ", 1)[0] for line in found.splitlines()], SERIES[series])
    if name is None:
        return None
    fields = dict(re.findall(r"^(Version|Size): (\S+)$", asked("apt-cache", "show", "--no-all-versions", name), re.M))
    return (name, fields["Version"], int(fields["Size"])) if len(fields) == 2 else None


def download(build, series, name, version):
    """Downloads and unpacks; what is seen under its final name is whole."""
    with tempfile.TemporaryDirectory(dir=build) as holder:
        # As root apt would change to a user of its own, who cannot write here.
        argv = ["apt-get", "download", "-o", "APT::Sandbox::User=root", f"{name}={version}"]
        subprocess.run(argv, cwd=holder, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        (package,) = [entry for entry in os.listdir(holder) if entry.endswith(".deb")]
        unpacked = os.path.join(holder, "unpacked")
        subprocess.run(["dpkg", "-x", os.path.join(holder, package), unpacked], check=True, stdin=subprocess.DEVNULL)
        subprocess.run(["depmod", "-b", unpacked, Kernel(unpacked).release], check=True, stdin=subprocess.DEVNULL)
        parent = folder_of(build, series)
        shutil.rmtree(parent, ignore_errors=True)
        os.makedirs(parent)
        os.rename(unpacked, os.path.join(parent, version))


def fetch(build, series):
    """0, or 1 where there is no kernel of this series in the end."""
    had = cached(build, series)
    found = candidate(series)
    if found is None and had is None:
        subprocess.run(["apt-get", "update", "-o", "DPkg::Lock::Timeout=300"], stdin=subprocess.DEVNULL, stdout=sys.stderr, check=False)
        found = candidate(series)
    if found is None:
        if had is None:
            say(f"no package is called {SERIES[series]}; are Debian 12's archive and its security updates among apt's sources?")
        return 1 if had is None else 0
    name, version, size = found
    if os.path.isdir(os.path.join(folder_of(build, series), version)):
        return 0
    say(f"fetching {name} {version} ({size / 1e6:.0f} MB): the {series} kernel of the test guests; it is not installed")
    for refresh in (False, True):
        if refresh:
            subprocess.run(["apt-get", "update", "-o", "DPkg::Lock::Timeout=300"], stdin=subprocess.DEVNULL, stdout=sys.stderr, check=False)
            name, version, size = candidate(series) or found
        try:
            download(build, series, name, version)
            return 0
        except (subprocess.CalledProcessError, ValueError, OSError) as error:
            failure = error
    if had is not None:
        say(f"{name} could not be fetched ({failure}); the guests run {had.release}, fetched before")
        return 0
    say(f"{name} could not be fetched: {failure}")
    return 1


def main(arguments):
    if len(arguments) != 2 or arguments[0] != "fetch":
        sys.exit(__doc__)
    os.makedirs(arguments[1], exist_ok=True)
    return max([fetch(arguments[1], series) for series in SERIES])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
