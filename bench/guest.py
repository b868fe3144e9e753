# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The benchmarks in a guest with another kernel (tests/vm): for the peers that this machine's kernel refuses. A guest is emulated, so only its ratios
say something. The kernel must have been fetched, as ./test does, and beside the binary is where its archives are kept."""

import json
import os
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
sys.path.append(os.path.join(ROOT, "tests", "vm"))

import archive  # noqa: E402
import image  # noqa: E402
import kernels  # noqa: E402
import machine  # noqa: E402
import peers  # noqa: E402
import talk  # noqa: E402
from tool import binary  # noqa: E402

RATES = ["connect", "requests", "stream", "drops"]
PATIENCE = "8"
LONGEST_SECONDS = 3 * 3600
WRITTEN = "/tmp/bench.json"


class GuestRefused(Exception):
    """It cannot be had; the words say why."""


def stripped(work, built, name):
    path = os.path.join(work, name)
    subprocess.run(["strip", "--strip-debug", "-o", path, built], check=True)
    return path


def load(work):
    path = os.path.join(work, "load")
    subprocess.run(["cc", "-O2", "-static", "-o", path, os.path.join(HERE, "load.c")], check=True)
    return path


def programs(box):
    """The peers that are installed here, with their libraries; stdbuf has one that it loads by name."""
    paths = filter(None, (shutil.which(name, path=image.SEARCHED) for name in ("stdbuf", *peers.PROGRAMS)))
    for path in paths:
        image.add_program(box, path)
        image.add_libraries(box, path)
    for folder, _, names in os.walk("/usr/libexec/coreutils"):
        for name in names:
            box.file(os.path.join(folder, name), os.path.join(folder, name))


def checkout(work):
    """The archive of synfate, the labs and the benchmarks; in the guest it lies where that of the tests would."""
    box = archive.Archive()
    box.file("/synfate/build/synfate", stripped(work, binary(), "synfate.stripped"))
    image.add_libraries(box, binary())
    box.file("/synfate/build/load", load(work))
    for folder in ("bench", "tests/live", "tests/vm"):
        box.tree("/synfate/" + folder, os.path.join(ROOT, folder), lambda path: "__pycache__" not in path)
    with open(os.path.join(ROOT, "tests", "vm", "init.bash"), encoding="utf-8") as file:
        box.text("/init", file.read(), 0o755)
    programs(box)
    return image.kept(box, os.path.join(work, "bench.cpio"))


def command(options):
    argv = ["python3", "/synfate/bench/run", "--json", WRITTEN, "--rounds", str(options.rounds), *(options.names or RATES)]
    # Its table comes here as a document, its progress as it is.
    return ["sh", "-c", 'exec "$@" >/dev/null', "sh", *argv, *(["--quick"] if options.quick else [])]


def show(text):
    print(text, end="", file=sys.stderr, flush=True)


def measure(series, options):
    """The document that the benchmarks wrote in the guest."""
    build = os.path.dirname(os.path.abspath(binary()))
    work = os.path.join(build, "vm")
    kernel = kernels.cached(work, series)
    if series not in kernels.SERIES or kernel is None:
        raise GuestRefused(f"no kernel {series} in {work}: tests/vm/kernels.py fetch {work} gets {' and '.join(kernels.SERIES)}")
    parts = [image.base(work), image.modules(work, kernel), checkout(work)]
    folder = machine.folder_of(work, "bench-" + series)
    machine.boot(folder, kernel.image, parts, os.getpid())
    surroundings = {
        "SYNFATE": "/synfate/build/synfate",
        "SYNFATE_BENCH_LOAD": "/synfate/build/load",
        "SYNFATE_TEST_PATIENCE": PATIENCE,
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    try:
        # dropwatch does not ask for its module.
        talk.run(folder, ["modprobe", "drop_monitor"], {}, 60, show)
        done = talk.run(folder, command(options), surroundings, LONGEST_SECONDS, show)
        if done["exit"] != 0:
            raise GuestRefused(f"bench/run ended with {done['exit']} in the guest")
        text = []
        talk.run(folder, ["cat", WRITTEN], {}, 60, text.append)
    finally:
        talk.end(folder)
    document = json.loads("".join(text))
    document["machine"]["emulated"] = True
    document["peers"] = peers.versions()
    return document
