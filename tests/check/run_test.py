#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""./run and ./test in a copy of the checkout's scripts, with a made-up distribution and stand-ins for dpkg, apt, cmake, ninja and ctest.

Nothing is installed and nothing is built here; the stand-ins write down what they were asked.
"""

import os
import pty
import select
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

ROOT = os.path.realpath(os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", ".."))
DEBIAN = 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nID=debian\nVERSION_ID="12"\n'
JAMMY = 'ID=ubuntu\nID_LIKE=debian\nVERSION_ID="22.04"\n'
NOBLE = "VERSION_ID='24.04'\nID=ubuntu"
FEDORA = "ID=fedora\nVERSION_ID=40\n"

STANDINS = {
    "dpkg-query": 'shift 3; for p; do grep -qx "$p" "$HERE/installed" && echo "$p installed"; done; true',
    "id": 'cat "$HERE/uid"',
    "uname": 'cat "$HERE/machine"',
    "apt-get": """echo "apt-get $*" >>"$HERE/calls"
[ "$1" = update ] && { : >"$HERE/updated"; exit 0; }
[ -e "$HERE/stale" ] && [ ! -e "$HERE/updated" ] && { echo "E: Unable to locate package"; exit 100; }
[ -e "$HERE/broken" ] && { echo "E: no space left"; exit 100; }
for p; do case $p in -*|install|DPkg*) ;; *) echo "$p" >>"$HERE/installed" ;; esac; done""",
    "cmake": """echo "cmake $*" >>"$HERE/calls"; [ -e "$HERE/unconfigurable" ] && { echo "CMake Error: nothing fits"; exit 1; }
mkdir -p "$HERE/copy/build"; : >"$HERE/copy/build/build.ninja" """,
    "ninja": """echo "ninja $*" >>"$HERE/calls"; echo "[1/1] noise"
[ -e "$HERE/uncompilable" ] && { echo "error: expected ;"; exit 1; }
printf '#!/bin/sh\\necho "synfate: $*"; cat; exit 7\\n' >"$HERE/copy/build/synfate"; chmod +x "$HERE/copy/build/synfate" """,
    "ctest": """echo "ctest $*" >>"$HERE/calls"
case " $* " in *" --bad "*) exit 1 ;; esac
case " $* " in *--show-only*) echo '{"tests":[{"name":"unit.a","properties":[{"name":"LABELS","value":["unit"]}]},'
[ -e "$HERE/guests" ] && echo '{"name":"vm.c","properties":[{"name":"LABELS","value":["vm"]}]},'
echo '{"name":"live.b","properties":[{"name":"LABELS","value":["live"]}]}]}'; exit 0 ;; esac
while [ $# -gt 0 ]; do [ "$1" = --output-junit ] && results=$2; [ "$1" = -LE ] && without=$2; shift; done
{ echo '<testsuite><testcase name="unit.a" status="run"/>'
case $without in *live*) ;; *) echo '<testcase name="live.b" status="run"/>' ;; esac
case $without in *vm*) ;; *) [ -e "$HERE/guests" ] && echo '<testcase name="vm.c" status="run"/>' ;; esac
echo '</testsuite>'; } >"$results"; exit "$(cat "$HERE/ctest_status" 2>/dev/null || echo 0)" """,
}


class Scripts(unittest.TestCase):
    def setUp(self):
        holder = tempfile.TemporaryDirectory()
        self.addCleanup(holder.cleanup)
        self.here = holder.name
        self.copy = os.path.join(self.here, "copy")
        os.makedirs(os.path.join(self.copy, "tests"))
        shutil.copytree(os.path.join(ROOT, ".ci"), os.path.join(self.copy, ".ci"))
        os.makedirs(os.path.join(self.copy, "tests", "vm"))
        for name in ("run", "test", "tests/summary.py"):
            shutil.copy(os.path.join(ROOT, name), os.path.join(self.copy, name))
        self.write("copy/tests/vm/kernels.py", "import sys; print(*sys.argv[1:], file=open(%r, 'a'))" % os.path.join(self.here, "calls"))
        os.makedirs(os.path.join(self.here, "bin"))
        for name, body in STANDINS.items():
            path = os.path.join(self.here, "bin", name)
            self.write("bin/" + name, '#!/bin/sh\nHERE="%s"\n%s\n' % (self.here, body))
            os.chmod(path, 0o755)
        self.write("uid", "0\n")
        self.write("machine", "x86_64\n")
        self.write("installed", "")
        self.on(DEBIAN)

    def write(self, name, text):
        with open(os.path.join(self.here, name), "w", encoding="utf-8") as file:
            file.write(text)

    def on(self, os_release):
        self.write("os-release", os_release)

    def calls(self):
        path = os.path.join(self.here, "calls")
        if not os.path.exists(path):
            return []
        with open(path, encoding="utf-8") as file:
            lines = file.read().splitlines()
        os.remove(path)
        return lines

    def environment(self):
        return {**os.environ, "PATH": os.path.join(self.here, "bin") + ":" + os.environ["PATH"],
                "SYNFATE_TEST_OS_RELEASE": os.path.join(self.here, "os-release"), "SYNFATE_TEST_PREFIX": os.path.join(self.here, "prefix")}

    def start(self, script, *arguments, stdin=""):
        return subprocess.run([os.path.join(self.copy, script)] + list(arguments), input=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              universal_newlines=True, env=self.environment(), cwd="/", timeout=60, check=False)

    def wanted(self, distribution, scope):
        script = 'source "$1/.ci/packages.bash"; wanted_packages "$2" "$3"'
        said = subprocess.run(["bash", "-uc", script, "-", self.copy, distribution, scope], stdout=subprocess.PIPE, universal_newlines=True,
                              env=self.environment(), check=True).stdout
        return [line.split(" ", 1)[0] for line in said.splitlines()]

    def install_all(self, distribution, scope):
        self.write("installed", "".join(name + "\n" for name in self.wanted(distribution, scope)))

    def tools(self, *directories):
        for directory in directories:
            path = os.path.join(self.here, "prefix", directory)
            os.makedirs(path)
            self.write("prefix/" + directory + "/bpftool", "#!/bin/sh\n")
            os.chmod(os.path.join(path, "bpftool"), 0o755)


class Packages(Scripts):
    def test_names_by_distribution(self):
        debian, jammy, noble = (self.wanted(d, "run") for d in ("debian:12", "ubuntu:22.04", "ubuntu:24.04"))
        self.assertEqual([name for name in debian if name not in noble], ["bpftool"])
        self.assertEqual([name for name in noble if name not in debian], ["linux-tools-common", "linux-tools-generic"])
        self.assertEqual([name for name in noble if name not in jammy], ["g++"])
        self.assertIn("g++-12", jammy)
        for names in (debian, jammy, noble):
            self.assertEqual(len(names), len(set(names)))
        for_tests = {"doctest-dev", "python3", "clang-format-14", "clang-tidy-14", "ethtool"}
        for_guests = {"qemu-system-x86", "kmod", "mount", "util-linux", "procps"}
        # Not where their services would be started.
        for_nodes = {"docker.io", "containerd", "containernetworking-plugins", "python3-grpcio", "busybox-static", "podman"}
        for_tests |= set() if os.path.isdir("/run/systemd/system") else for_nodes
        self.assertEqual(set(self.wanted("debian:12", "test")) - set(debian), for_tests | for_guests)
        self.assertEqual(set(self.wanted("ubuntu:24.04", "test")) - set(noble), for_tests)
        self.write("machine", "aarch64\n")
        self.assertEqual(set(self.wanted("debian:12", "test")) - set(debian), for_tests)

    def test_every_row_says_why(self):
        script = 'source "$1/.ci/packages.bash"; wanted_packages debian:12 test'
        said = subprocess.run(["bash", "-uc", script, "-", self.copy], stdout=subprocess.PIPE, universal_newlines=True, check=True).stdout
        for line in said.splitlines():
            self.assertGreaterEqual(len(line.split()), 3, line)

    def test_root_installs_what_is_missing_and_says_why(self):
        self.install_all("debian:12", "run")
        installed = self.wanted("debian:12", "run")
        installed.remove("libmnl-dev")
        self.write("installed", "\n".join(installed) + "\n")
        ended = self.start("run", "doctor")
        calls = self.calls()
        self.assertEqual([c for c in calls if c.startswith("apt-get")],
                         ["apt-get install -y --no-install-recommends -o DPkg::Lock::Timeout=300 libmnl-dev"])
        self.assertIn("libmnl-dev", ended.stderr)
        self.assertIn("netlink", ended.stderr)
        self.assertEqual((ended.stdout, ended.returncode), ("synfate: doctor\n", 7))

    def test_lists_are_refreshed_only_when_stale(self):
        self.write("stale", "")
        self.assertEqual(self.start("run").returncode, 7)
        self.assertEqual([c.split()[1] for c in self.calls() if c.startswith("apt-get")], ["install", "update", "install"])

    def test_failed_installation(self):
        self.write("broken", "")
        ended = self.start("run")
        self.assertEqual((ended.stdout, ended.returncode), ("", 2))
        self.assertIn("no space left", ended.stderr)

    def test_without_root(self):
        self.write("uid", "1000\n")
        ended = self.start("run")
        self.assertEqual((ended.stdout, ended.returncode, self.calls()), ("", 2, []))
        self.assertIn("sudo apt-get install cmake ninja-build g++ clang llvm bpftool", ended.stderr)

    def test_other_distributions(self):
        for text, name in ((FEDORA, "fedora:40"), ("ID=debian\nVERSION_ID=13\n", "debian:13"), ("", "unknown:")):
            self.on(text)
            ended = self.start("run")
            self.assertEqual((ended.stdout, ended.returncode, self.calls()), ("", 2, []))
            self.assertIn(name, ended.stderr)
            self.assertIn("libnftables-dev", ended.stderr)

    def test_ubuntu(self):
        self.on(JAMMY)
        self.tools("usr/lib/linux-tools/5.15.0-9-generic", "usr/lib/linux-tools/5.15.0-91-generic", "usr/lib/linux-tools-5.15.0-88")
        self.assertEqual(self.start("run").returncode, 7)
        calls = self.calls()
        self.assertIn("linux-tools-common linux-tools-generic", calls[0])
        self.assertIn("-DBPFTOOL=%s/prefix/usr/lib/linux-tools/5.15.0-91-generic/bpftool" % self.here, calls[1])
        self.assertIn("-DCMAKE_CXX_COMPILER=g++-12", calls[1])
        self.on(NOBLE)
        self.assertEqual(self.start("run").returncode, 7)
        calls = self.calls()
        self.assertNotIn("g++-12", calls[1])
        self.assertIn("-DBPFTOOL=", calls[1])

    def test_a_terminal_is_asked_once(self):
        for answer, status in (("n\n", 2), ("\n", 7)):
            ended, output = self.on_a_terminal(answer)
            self.assertEqual(ended, status, output)
            self.assertEqual(output.count("[Y/n]"), 1)
            self.assertEqual(bool([c for c in self.calls() if c.startswith("apt-get")]), status == 7)

    def on_a_terminal(self, answer):
        """(exit status, what the terminal showed) of ./run with a terminal for its input."""
        primary, secondary = pty.openpty()
        process = subprocess.Popen([os.path.join(self.copy, "run")], stdin=secondary, stdout=secondary, stderr=secondary,
                                   env=self.environment(), start_new_session=True)
        os.close(secondary)
        output, deadline = b"", time.monotonic() + 60
        asked = False
        while time.monotonic() < deadline:
            if select.select([primary], [], [], 0.1)[0]:
                try:
                    output += os.read(primary, 4096)
                except OSError:
                    break
            if not asked and b"[Y/n]" in output:
                # The end-of-file is for the stand-in of synfate, which reads what is left.
                os.write(primary, answer.encode() + b"\x04")
                asked = True
        os.close(primary)
        return process.wait(timeout=60), output.decode()


class Building(Scripts):
    def setUp(self):
        super().setUp()
        self.install_all("debian:12", "test")

    def test_second_run_only_asks_ninja(self):
        self.start("run")
        self.assertEqual([c.split()[0] for c in self.calls()], ["cmake", "ninja"])
        ended = self.start("run", "trace", "a b", stdin="through\n")
        self.assertEqual([c.split()[0] for c in self.calls()], ["ninja"])
        self.assertEqual((ended.stdout, ended.stderr, ended.returncode), ("synfate: trace a b\nthrough\n", "", 7))

    def test_failures_show_the_end_of_the_log(self):
        for fault, part in (("unconfigurable", "nothing fits"), ("uncompilable", "expected ;")):
            self.write(fault, "")
            ended = self.start("run")
            self.assertEqual((ended.stdout, ended.returncode), ("", 2))
            self.assertIn(part, ended.stderr)
            os.remove(os.path.join(self.here, fault))

    def test_a_bpftool_that_moved_is_found_again(self):
        self.on(NOBLE)
        self.install_all("ubuntu:24.04", "run")
        self.tools("usr/lib/linux-tools/6.8.0-31-generic")
        self.start("run")
        self.calls()
        shutil.rmtree(os.path.join(self.here, "prefix"))
        self.tools("usr/lib/linux-tools/6.8.0-40-generic")
        self.start("run")
        self.assertIn("6.8.0-40", self.calls()[0])

    def test_run_keeps_what_test_has_configured(self):
        self.start("test")
        self.assertIn("-DSYNFATE_TESTS=ON", self.calls()[0])
        self.start("run")
        self.assertEqual([c.split()[0] for c in self.calls()], ["ninja"])


class Testing(Scripts):
    def setUp(self):
        super().setUp()
        self.install_all("debian:12", "test")

    def ctest(self):
        return [c for c in self.calls() if c.startswith("ctest") and "--show-only" not in c][0]

    def test_all_labels_as_root(self):
        ended = self.start("test", "-L", "unit")
        self.assertEqual(ended.returncode, 0, ended.stderr)
        self.assertEqual(ended.stdout.splitlines()[-2:], ["by label: live 1/1, unit 1/1", "2 passed, 0 failed, 0 skipped"])
        self.assertTrue(self.ctest().endswith(" -L unit"))

    def test_without_root_some_labels_are_skipped_with_the_reason(self):
        self.write("uid", "1000\n")
        ended = self.start("test")
        self.assertEqual(ended.returncode, 0, ended.stderr)
        self.assertEqual(ended.stdout.splitlines()[-3], "skipped: live.b: needs root")
        self.assertEqual(ended.stdout.splitlines()[-1], "1 passed, 0 failed, 1 skipped")
        self.calls()
        self.start("test", "-LE", "vm")
        self.assertTrue(self.ctest().endswith(" -LE (vm)|^(live|bpf|vm)$"))

    def test_guests_get_their_kernels_only_when_they_run(self):
        self.start("test")
        self.assertEqual([c for c in self.calls() if c.startswith("fetch")], [])
        self.write("guests", "")
        ended = self.start("test")
        self.assertEqual(ended.stdout.splitlines()[-2:], ["by label: live 1/1, unit 1/1, vm 1/1", "3 passed, 0 failed, 0 skipped"])
        self.assertEqual([c for c in self.calls() if c.startswith("fetch")], ["fetch %s/build/vm" % self.copy])

    def test_where_no_guest_can_run_the_reason_is_said(self):
        self.write("guests", "")
        for machine, os_release, reason in (
            ("aarch64", DEBIAN, "the guests' kernels are for x86_64, and this is aarch64"),
            ("x86_64", NOBLE, "the guests' kernels are Debian 12's packages, and this is ubuntu:24.04"),
        ):
            self.write("machine", machine + "\n")
            self.on(os_release)
            self.install_all("debian:12", "test")
            ended = self.start("test")
            self.assertEqual(ended.stdout.splitlines()[-3], "skipped: vm.c: " + reason)
            calls = self.calls()
            self.assertTrue(calls[-1].endswith(" -LE ^vm$"), calls)
            self.assertEqual([c for c in calls if c.startswith("fetch")], [])

    def test_the_status_is_ctests(self):
        self.write("ctest_status", "8")
        self.assertEqual(self.start("test").returncode, 8)
        self.assertEqual(self.start("test", "--bad").returncode, 2)

    def test_a_listing_is_only_a_listing(self):
        ended = self.start("test", "-N")
        self.assertEqual((ended.returncode, "passed" in ended.stdout), (0, False))

    def test_ci_runs_every_test(self):
        ended = self.start(".ci/run")
        self.assertEqual((ended.returncode, ended.stdout.splitlines()[-1]), (0, "2 passed, 0 failed, 0 skipped"))


if __name__ == "__main__":
    sys.exit(unittest.main())
