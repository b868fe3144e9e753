#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What of the rig can be tested without a guest: archives, which kernel is chosen and fetched, what outcomes mean. rig.py has the rest."""

import io
import os
import re
import stat
import subprocess
import sys
import tempfile
import unittest

sys.path.append(os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "live"))

import archive
import image
import kernels
import machine
import scenario
import talk
import verdict

STANDINS = {
    "apt-cache": """case "$*" in
*--names-only*6\\\\.12*) cat "$HERE/names" 2>/dev/null ;;
show*) echo "Package: x"; cat "$HERE/version" ;;
esac""",
    "apt-get": """echo "apt-get $1" >>"$HERE/calls"
case $1 in
update) [ -e "$HERE/names.new" ] && mv "$HERE/names.new" "$HERE/names"; exit 0 ;;
download) [ -e "$HERE/offline" ] && exit 100; echo package >some.deb ;;
esac""",
    "dpkg": 'mkdir -p "$3/boot" "$3/lib/modules/6.12.9+deb12-cloud-amd64"; : >"$3/boot/vmlinuz-6.12.9+deb12-cloud-amd64"',
    "depmod": ':',
}
NAMES = """linux-image-6.12.9+deb12-cloud-amd64-unsigned - Linux 6.12 for x86-64 cloud
linux-image-6.12.107+deb12-cloud-amd64-unsigned - Linux 6.12 for x86-64 cloud
linux-image-6.12.200+deb12-cloud-amd64-dbg - Debug symbols
linux-image-6.12.200+deb12-rt-amd64-unsigned - Linux 6.12 for 64-bit PCs, PREEMPT_RT
"""


class Archives(unittest.TestCase):
    def packed(self, box):
        stream = io.BytesIO()
        box.write(stream)
        self.assertEqual(len(stream.getvalue()) % 4, 0)
        return parse(stream.getvalue())

    def test_what_goes_in_comes_out_in_the_order_that_the_kernel_needs(self):
        with tempfile.NamedTemporaryFile() as source:
            source.write(b"abcde")
            source.flush()
            os.chmod(source.name, 0o4711)
            box = archive.Archive()
            box.file("/usr/bin/tool", source.name)
            box.link("/bin", "usr/bin")
            box.text("/etc/name", "ü")
            before = box.fingerprint()
            found = self.packed(box)
            self.assertEqual(list(found), ["bin", "etc", "etc/name", "usr", "usr/bin", "usr/bin/tool"])
            self.assertEqual(found["usr/bin/tool"], (stat.S_IFREG | 0o755, b"abcde"))
            self.assertEqual(found["bin"], (stat.S_IFLNK | 0o777, b"usr/bin"))
            self.assertEqual(found["etc/name"][1], "ü".encode())
            source.write(b"f")
            source.flush()
            self.assertNotEqual(box.fingerprint(), before)

    def test_paths_are_merged_into_usr(self):
        for path, there in (("/lib/x/y.so", "/usr/lib/x/y.so"), ("/usr/lib/z", "/usr/lib/z"), ("/sbin/ip", "/usr/sbin/ip"), ("/opt/lib/a", "/opt/lib/a")):
            self.assertEqual(archive.merged(path), there)

    def test_every_program_has_its_package(self):
        with open(os.path.join(image.HERE, "programs.txt"), encoding="utf-8") as file:
            wanted = image.wanted_programs(file.read())
        self.assertIn(("nstat", "iproute2"), wanted)
        self.assertIn(("ipset", None), wanted)
        with open(os.path.join(image.ROOT, ".ci", "packages.bash"), encoding="utf-8") as file:
            listed = set(re.findall(r"^(?:run|test|vm) +(\S+)", file.read(), re.M))
        # Every Debian has these.
        essential = {"bash", "dash", "coreutils", "grep", "sed"}
        self.assertEqual({package for _, package in wanted if package} - listed - essential, set())


def parse(data):
    """{path: (mode, content)} of a newc archive."""
    found, at = {}, 0
    while True:
        assert data[at : at + 6] == b"070701", data[at : at + 6]
        fields = [int(data[at + 6 + 8 * i : at + 14 + 8 * i], 16) for i in range(13)]
        mode, size, length = fields[1], fields[6], fields[11]
        name = data[at + 110 : at + 110 + length - 1].decode()
        at += 110 + length
        at += -at % 4
        if name == "TRAILER!!!":
            return found
        found[name] = (mode, data[at : at + size])
        at += size
        at += -at % 4


class Fetching(unittest.TestCase):
    def setUp(self):
        holder = tempfile.TemporaryDirectory()
        self.addCleanup(holder.cleanup)
        self.here = holder.name
        self.build = os.path.join(self.here, "vm")
        os.makedirs(os.path.join(self.here, "bin"))
        for name, body in STANDINS.items():
            path = os.path.join(self.here, "bin", name)
            self.write("bin/" + name, f'#!/bin/sh\nHERE="{self.here}"\n{body}\n')
            os.chmod(path, 0o755)
        self.version("6.12.9-1")

    def write(self, name, text):
        with open(os.path.join(self.here, name), "w", encoding="utf-8") as file:
            file.write(text)

    def version(self, text):
        self.write("version", f"Version: {text}\nSize: 34000000\n")

    def fetch(self):
        """(exit status, stderr, what apt-get was asked)"""
        script = "import sys, os; sys.path.insert(0, sys.argv[1]); import kernels; os.makedirs(sys.argv[2], exist_ok=True)"
        script += "; sys.exit(kernels.fetch(sys.argv[2], '6.12'))"
        environment = {**os.environ, "PATH": os.path.join(self.here, "bin") + ":" + os.environ["PATH"]}
        argv = [sys.executable, "-B", "-c", script, image.HERE, self.build]
        ended = subprocess.run(argv, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, universal_newlines=True, check=False)
        calls = []
        if os.path.exists(os.path.join(self.here, "calls")):
            with open(os.path.join(self.here, "calls"), encoding="utf-8") as file:
                calls = [line.split()[1] for line in file]
            os.remove(os.path.join(self.here, "calls"))
        return ended.returncode, ended.stderr, calls

    def test_the_newest_of_its_kind_is_chosen(self):
        names = [line.split()[0] for line in NAMES.splitlines()]
        self.assertEqual(kernels.newest(names, kernels.SERIES["6.12"]), "linux-image-6.12.107+deb12-cloud-amd64-unsigned")
        self.assertIsNone(kernels.newest(names, kernels.SERIES["6.1"]))

    def test_it_is_fetched_once(self):
        self.write("names", NAMES)
        status, said, calls = self.fetch()
        self.assertEqual((status, calls), (0, ["download"]), said)
        self.assertIn("linux-image-6.12.107+deb12-cloud-amd64-unsigned 6.12.9-1 (34 MB)", said)
        self.assertEqual(kernels.cached(self.build, "6.12").release, "6.12.9+deb12-cloud-amd64")
        self.assertEqual(self.fetch(), (0, "", []))

    def test_a_newer_one_takes_its_place(self):
        self.write("names", NAMES)
        self.fetch()
        self.version("6.12.10-1")
        self.assertEqual(self.fetch()[2], ["download"])
        self.assertEqual(os.listdir(os.path.join(self.build, "kernels", "6.12")), ["6.12.10-1"])

    def test_lists_are_refreshed_when_they_know_none(self):
        self.write("names.new", NAMES)
        self.assertEqual(self.fetch()[::2], (0, ["update", "download"]))

    def test_offline_the_one_that_is_there_is_kept(self):
        self.write("names", NAMES)
        self.fetch()
        self.version("6.12.10-1")
        self.write("offline", "")
        status, said, calls = self.fetch()
        self.assertEqual((status, calls), (0, ["download", "update", "download"]))
        self.assertIn("fetched before", said)
        self.assertEqual(kernels.cached(self.build, "6.12").release, "6.12.9+deb12-cloud-amd64")

    def test_none_is_an_error_that_says_so(self):
        status, said, _ = self.fetch()
        self.assertEqual(status, 1)
        self.assertIn("are Debian 12's archive and its security updates among apt's sources?", said)
        self.write("names", NAMES)
        self.write("offline", "")
        status, said, _ = self.fetch()
        self.assertEqual(status, 1)
        self.assertIn("could not be fetched", said)


def ended(status, kernel_failed=False):
    return {"exit": status, "seconds": 3.0, "kernel": [], "kernel_failed": kernel_failed}


class Verdicts(unittest.TestCase):
    def test_outcomes(self):
        for last, output, expected, status in (
            (ended(0), "ok    a.b (1 s)\n", {}, verdict.PASSED),
            (ended(1), "FAIL  a.b\n", {}, verdict.FAILED),
            (ended(None), "", {}, verdict.FAILED),
            (ended(-9), "", {}, verdict.FAILED),
            (ended(0, kernel_failed=True), "", {}, verdict.FAILED),
            (ended(77), "skip  a.b: no tun\n", {}, verdict.FAILED),
            (ended(77), "skip  a.b: no tun\n", {"a.b": "why"}, verdict.SKIPPED),
            (ended(77), "", {}, verdict.FAILED),
            (ended(0), "skip  a.b: no tun\nok    a.c (1 s)\n", {}, verdict.FAILED),
            (ended(0), "skip  a.b: no tun\nok    a.c (1 s)\n", {"a.b": "why"}, verdict.PASSED),
            (ended(0), "ok    a.b (1 s)\n", {"a.b": "why"}, verdict.FAILED),
            (ended(0), "left  a.b: to be brief\nok    a.c (1 s)\n", {"a.b": "why"}, verdict.PASSED),
        ):
            said = verdict.judge(last, output, expected)
            self.assertEqual(said[0], status, (last, output, said))
            self.assertEqual(bool(said[1]), status == verdict.FAILED)

    def test_one_scenario_alone_need_not_skip_the_others(self):
        self.assertEqual(verdict.judge(ended(0), "ok    a.c (1 s)\n", {"a.b": "why"}, ran_all=False)[0], verdict.PASSED)

    def test_entries(self):
        text = "# why not\n\nany live.a  no such device\n6.1 live.b.one  6.1 cannot\n6.12 bpf.load  no\n"
        skips = verdict.Skips(text, "6.1", kernels.SERIES)
        self.assertEqual(skips.of_test("live.a"), "no such device")
        self.assertIsNone(skips.of_test("bpf.load"))
        self.assertEqual((skips.of_test("live.b"), skips.of_scenarios("live.b")), (None, {"b.one": "6.1 cannot"}))
        for wrong in ("any live.a", "5.10 live.a why", "any unit.a why"):
            with self.assertRaises(ValueError):
                verdict.Skips(wrong, "6.1", kernels.SERIES)

    def test_the_projects_entries_are_about_tests_that_exist(self):
        files = [(folder, name) for folder in ("live", "bpf") for name in os.listdir(os.path.join(image.ROOT, "tests", folder))]
        known = {f"{folder}.{name[:-3]}" for folder, name in files if name.endswith(".py")} | {"bpf.load"}
        for series in kernels.SERIES:
            skips, brief = verdict.skips_of(series, kernels.SERIES), verdict.brief_of(series, kernels.SERIES)
            self.assertEqual(verdict.unknown(skips, known) + verdict.unknown(brief, known), [])

    def test_what_is_left_to_another_kernel_does_run_there(self):
        text = {series: (verdict.skips_of(series, kernels.SERIES), verdict.brief_of(series, kernels.SERIES)) for series in kernels.SERIES}
        for series in kernels.SERIES:
            for name, where in text[series][1].reasons.items():
                self.assertTrue(set(re.findall(r"6\.\d+|host", where)) and series not in where.split(), (series, name, where))
                for other in set(where.split()) & set(kernels.SERIES):
                    test = ".".join(name.split(".")[:2])
                    for reasons in text[other]:
                        self.assertNotIn(name, reasons.reasons, (series, other))
                        self.assertIsNone(reasons.of_test(test), (series, other, name))

    def test_of_two_families_one_stays(self):
        names = ["ipv4", "ipv6", "local", "local_ipv6", "tcp_ipv6", "one"]
        self.assertEqual(scenario.brief(names, "ipv6", []), ["ipv6", "local_ipv6", "tcp_ipv6", "one"])
        self.assertEqual(scenario.brief(names, "ipv4", ["one"]), ["ipv4", "local", "tcp_ipv6"])
        self.assertEqual(scenario.brief(names, None, []), names)
        with self.assertRaises(ValueError):
            scenario.brief(names, None, ["two"])

    def test_cmake_has_the_same_kernels(self):
        with open(os.path.join(image.HERE, "CMakeLists.txt"), encoding="utf-8") as file:
            self.assertEqual(re.search(r"set\(kernels (.*?)\)", file.read()).group(1).split(), list(kernels.SERIES))


class Machines(unittest.TestCase):
    def test_without_a_guest(self):
        with tempfile.TemporaryDirectory() as folder:
            with open(os.path.join(folder, "console.log"), "w", encoding="ascii") as file:
                file.write("a\x1b[2Jb\nKernel panic\n")
            talk.end(folder)
            with self.assertRaises(talk.GuestError) as said:
                talk.run(folder, ["true"], {}, 1, print)
        self.assertIn("not running", str(said.exception))
        self.assertIn("Kernel panic", str(said.exception))
        self.assertNotIn("\x1b", str(said.exception))


if __name__ == "__main__":
    sys.exit(unittest.main())
