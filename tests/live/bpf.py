# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Finds the labs' own little BPF objects and programs, built by CMake; compiles them where a test is run by hand. They have nothing to do with bpf/."""

import os
import subprocess

HERE = os.path.dirname(os.path.abspath(__file__))


def bpf_object(name):
    built = os.environ.get("SYNFATE_TEST_BPF")
    if built:
        return os.path.join(built, f"{name}.bpf.o")
    path = f"/run/{name}.bpf.o"  # the test's own /run
    subprocess.run(["clang", "-O2", "-g", "-target", "bpf", "-c", os.path.join(HERE, f"{name}.bpf.c"), "-o", path], check=True)
    return path


def syn_flood():
    """The sender of floods, likewise."""
    built = os.environ.get("SYNFATE_TEST_BPF")
    if built:
        return os.path.join(built, "syn_flood")
    path = "/run/syn_flood"
    subprocess.run(["clang", "-O2", os.path.join(HERE, "syn_flood.c"), "-o", path], check=True)
    return path
