#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""clang-tidy has nothing to say of userspace/: .clang-tidy says what it is asked. A file that was clean is not looked at again as long as
neither it nor any header has changed.

  tidy.py BUILD [FILE ...]   BUILD: a directory that clang++ has built into, with compile_commands.json; FILE: these only"""

import concurrent.futures
import hashlib
import json
import os
import shutil
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PROGRAM = "clang-tidy-14"


def contents(path):
    with open(path, "rb") as file:
        return file.read()


def headers():
    """All that a file may include of the project's own, as one number."""
    digest = hashlib.sha256(contents(os.path.join(ROOT, ".clang-tidy")))
    for folder in ("userspace", "include", "bpf"):
        for where, _, names in sorted(os.walk(os.path.join(ROOT, folder))):
            for name in sorted(names):
                if name.endswith((".hpp", ".h")):
                    digest.update(contents(os.path.join(where, name)))
    return digest


def look(build, path, known):
    digest = known.copy()
    digest.update(contents(path))
    stamp = os.path.join(build, "tidy", digest.hexdigest())
    if os.path.exists(stamp):
        return path, ""
    done = subprocess.run([PROGRAM, "--quiet", "-p", build, path], capture_output=True, text=True, check=False)
    if done.returncode == 0:
        with open(stamp, "wb"):
            pass
        return path, ""
    return path, done.stdout + done.stderr


def main(arguments):
    if not arguments:
        sys.exit(__doc__)
    build, wanted = arguments[0], [os.path.abspath(path) for path in arguments[1:]]
    if not build or not shutil.which(PROGRAM):
        print(f"skip: there is no {PROGRAM}" if build else "skip: there is no clang++ with sanitizers, which is what it is asked about")
        return 77
    database = os.path.join(build, "compile_commands.json")
    if not os.path.exists(database):
        sys.exit(f"there is no {database}: clang++ has built nothing there")
    with open(database, encoding="utf-8") as file:
        built = sorted({entry["file"] for entry in json.load(file)})
    files = [path for path in built if path.startswith(os.path.join(ROOT, "userspace") + os.sep) and (not wanted or path in wanted)]
    if len(files) < (len(wanted) or 100):
        sys.exit(f"{len(files)} files of userspace/ are in {database}: that cannot be all")
    os.makedirs(os.path.join(build, "tidy"), exist_ok=True)
    known, complaints = headers(), 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for path, said in pool.map(lambda each: look(build, each, known), files):
            if said:
                complaints += 1
                print(f"{os.path.relpath(path, ROOT)}:\n{said}")
    print(f"{len(files)} files, {complaints} with complaints")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
