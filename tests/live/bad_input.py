# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Bad input and bad places: a sentence on stderr that names the thing, the right exit status, nothing on stdout, nothing half done.

  island (an empty network namespace, 10.27.0.0/16 unused)
"""

import os
import shutil
import subprocess

import tool
from expect import check
from scenario import main

USAGE, CANNOT = 1, 2


def refused(arguments, status, *words, prefix=(), program=None):
    argv = [*prefix, program or tool.binary(), *map(str, arguments)]
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=20 * tool.PATIENCE)
    said = f"{' '.join(map(str, argv))}\nexit {done.returncode}\nstdout: {done.stdout}\nstderr: {done.stderr}"
    expected = status if isinstance(status, tuple) else (status,)
    check(done.returncode in expected, f"expected exit status {expected}: {said}")
    check(done.stdout == "", f"findings without a finding: {said}")
    check(1 <= len(done.stderr.strip().splitlines()) <= 3, f"expected one to three lines: {said}")
    for word in words:
        check(word.lower() in done.stderr.lower(), f"{word!r} is not mentioned: {said}")


def usage(_lab):
    refused(["trace", "--no-such-option"], USAGE, "--no-such-option")
    refused(["no-such-command"], USAGE, "no-such-command")
    refused(["run"], USAGE)
    for option, value in (
        ("--host", "10.27.0.0/33"),
        ("--src", "not-an-address"),
        ("--dst", "fd66::/129"),
        ("--port", "65536"),
        ("--port", "http!"),
        ("--for", "soon"),
        ("--count", "-1"),
        ("--pid", "0x"),
        ("--color", "pink"),
        ("--ready-fd", "-3"),
    ):
        refused(["trace", option, value, "--for", "100ms"] if option != "--for" else ["trace", option, value], USAGE, option)


def things_that_are_not_there(_lab):
    refused(["trace", "--netns", "/run/netns/no-such-one", "--for", "100ms"], USAGE, "/run/netns/no-such-one")
    refused(["trace", "--netns", "/etc/passwd", "--for", "100ms"], USAGE, "/etc/passwd")
    refused(["trace", "--cgroup", "/no/such/cgroup", "--for", "100ms"], USAGE, "/no/such/cgroup")
    refused(["trace", "--ready-fd", "199", "--for", "100ms"], (USAGE, CANNOT), "199")
    refused(["trace", "--record", "/no/such/directory/file", "--for", "100ms"], (USAGE, CANNOT), "/no/such/directory/file")


def recordings(_lab):
    refused(["replay", "/run/missing.synfate"], (USAGE, CANNOT), "/run/missing.synfate")
    refused(["replay"], USAGE)
    for name, content in (("empty", b""), ("foreign", b"\x7fELF" + bytes(400)), ("text", b"hello\n" * 100), ("noise", os.urandom(4096))):
        path = f"/run/{name}.synfate"
        with open(path, "wb") as file:
            file.write(content)
        refused(["replay", path], USAGE, path)
    refused(["replay", "/run"], (USAGE, CANNOT), "/run")


def nobody(_lab):
    """Neither root nor capabilities."""
    # The checkout may lie where only root can go; the test's own /run is open to everybody.
    copy = shutil.copy(tool.binary(), "/run/synfate")
    prefix = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "--inh-caps=-all", "--bounding-set=-all"]
    for arguments in (["trace", "--for", "100ms"], ["run", "--", "true"], ["demo"]):
        refused(arguments, CANNOT, "root", prefix=prefix, program=copy)


def root_without_capabilities(_lab):
    """uid 0 in a container that was given nothing: the missing capability is named."""
    prefix = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"]
    refused(["trace", "--for", "100ms"], CANNOT, "cap_", prefix=prefix)


def covered(target, content):
    """Another file in place of `target`, for as long as this test's own mounts live."""
    name = "/run/cover-" + os.path.basename(target)
    with open(name, "w", encoding="ascii") as file:
        file.write(content)
    subprocess.run(["mount", "--bind", name, target], check=True)


def no_btf(_lab):
    """libbpf looks in /boot and /lib/modules as well: none of these may have a kernel image with BTF here."""
    covered("/sys/kernel/btf/vmlinux", "")
    try:
        for arguments in (["trace", "--for", "100ms"], ["run", "--", "true"]):
            refused(arguments, CANNOT, "btf")
        doctor = tool.once("doctor")
        check(doctor.returncode == CANNOT and "BTF" in doctor.stdout, f"doctor: exit {doctor.returncode}: {doctor.stdout}")
    finally:
        subprocess.run(["umount", "/sys/kernel/btf/vmlinux"], check=True)


def locked_down(_lab):
    """What such a kernel says of itself; it would refuse the rest."""
    subprocess.run(["mount", "-t", "tmpfs", "security", "/sys/kernel/security"], check=True)
    try:
        with open("/sys/kernel/security/lockdown", "w", encoding="ascii") as file:
            file.write("none integrity [confidentiality]\n")
        refused(["trace", "--for", "100ms"], CANNOT, "lockdown=confidentiality")
        doctor = tool.once("doctor")
        check(doctor.returncode == CANNOT and "confidentiality" in doctor.stdout, f"doctor: exit {doctor.returncode}: {doctor.stdout}")
    finally:
        subprocess.run(["umount", "/sys/kernel/security"], check=True)


def nothing_mounted(lab):
    """tracefs, debugfs, bpf and securityfs: none of them is needed."""
    for path in ("/sys/kernel/tracing", "/sys/kernel/debug", "/sys/fs/bpf", "/sys/kernel/security"):
        while os.path.ismount(path) and subprocess.run(["umount", path], check=False).returncode == 0:
            pass
    # Of a namespace of its own: other tests make attempts at the same time.
    lab.netns("island")
    done = tool.once("trace", "--for", "100ms", "--netns", lab.inode("island"))
    check(done.returncode == 0 and "no failed attempt seen" in done.stdout, f"exit {done.returncode}: {done.stdout}{done.stderr}")


def a_number_that_is_no_namespace(_lab):
    """It may exist later: a warning, not an error."""
    done = tool.once("trace", "--netns", "4294967295", "--for", "100ms")
    check(done.returncode == 0 and "4294967295" in done.stdout, f"exit {done.returncode}: {done.stdout}{done.stderr}")


if __name__ == "__main__":
    main(
        27,
        __doc__,
        usage,
        things_that_are_not_there,
        recordings,
        nobody,
        root_without_capabilities,
        no_btf,
        locked_down,
        nothing_mounted,
        a_number_that_is_no_namespace,
    )
