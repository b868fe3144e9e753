#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""bench/run refuses clearly what it cannot do, and its tables say what a document has, also what missed its goal. Nothing is measured here."""

import json
import os
import subprocess
import sys
import tempfile
import unittest

ROOT = os.path.realpath(os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", ".."))
RUN = os.path.join(ROOT, "bench", "run")
NOBODY = 65534
sys.path[:0] = [os.path.join(ROOT, "bench"), os.path.join(ROOT, "tests", "live")]
sys.dont_write_bytecode = True

from figures import Figure, readme, table  # noqa: E402


def run(*arguments, python=sys.executable, **options):
    options.setdefault("env", {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"})
    return subprocess.run([python, "-B", RUN, *arguments], capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, **options)


def document(*figures):
    machine = {"kernel": "Linux 6.12", "cpu": "a processor", "cores": 2, "company": "nothing else running", "emulated": False}
    return {"v": 1, "date": "2026-11-30", "machine": machine, "figures": [figure.plain() for figure in figures]}


class Refusals(unittest.TestCase):
    def refused(self, done, status, *words):
        self.assertEqual(done.returncode, status, done.stderr)
        self.assertEqual(done.stdout, "")
        self.assertLessEqual(done.stderr.count("\n"), 3)
        for word in words:
            self.assertIn(word, done.stderr)

    def test_unknown_name(self):
        self.refused(run("connect", "speed"), 1, "no such benchmark: speed", "connect", "armed")

    def test_no_rounds(self):
        self.refused(run("--rounds", "0"), 1, "--rounds")

    def test_no_such_document(self):
        self.refused(run("--from", "/nonexistent/bench.json"), 1, "/nonexistent/bench.json")

    def test_no_document(self):
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            file.write('{"v": 2}')
            file.flush()
            self.refused(run("--from", file.name), 1, file.name)

    @unittest.skipUnless(os.geteuid() == 0, "what is asked of the binary comes after the question for root")
    def test_no_binary(self):
        self.refused(run("size", env={**os.environ, "SYNFATE": "/nonexistent/synfate"}), 2, "/nonexistent/synfate")

    def test_not_root(self):
        if os.geteuid() != 0:
            self.refused(run("size"), 2, "root")
            return
        as_nobody = {"user": NOBODY, "group": NOBODY, "extra_groups": []}
        # The one that runs this test may lie where only root may look, and so may the checkout.
        python = "/usr/bin/python3"
        if subprocess.run(["test", "-x", python, "-a", "-r", RUN], check=False, **as_nobody).returncode != 0:
            self.skipTest(f"nobody may not run {python} or not read this checkout")
        self.refused(run("size", python=python, **as_nobody), 2, "root")


class Tables(unittest.TestCase):
    def test_met_and_missed(self):
        self.assertIs(Figure("a", "b", "%", [96, 97, 98], at_least=97).met, True)
        self.assertIs(Figure("a", "b", "%", [96, 96.9, 98], at_least=97).met, False)
        self.assertIs(Figure("a", "b", "ns", [39.9], below=40).met, True)
        self.assertIs(Figure("a", "b", "ns", [40], below=40).met, False)
        self.assertIsNone(Figure("a", "b", "ns", [], below=40).met)
        self.assertIsNone(Figure("a", "b", "ns", [1]).met)

    def test_spread_leaves_the_disturbed_round_out(self):
        plain = Figure("a", "b", "ns", [10, 11, 12, 13, 900]).plain()
        self.assertEqual((plain["median"], plain["count"]), (12, 5))
        self.assertEqual(plain["spread"], {"lowest": 10, "lower_quartile": 11, "upper_quartile": 13, "highest": 900})

    def test_what_missed_is_shown(self):
        shown = table([Figure("connect", "trace", "%", [80.04], at_least=97, note="why")])
        self.assertRegex(shown, r"trace +80\.0 % +1 +≥ 97 +MISSED +why")
        self.assertRegex(readme(document(Figure("armed", "250 pods", "ms", [180], below=150))), r"\| `armed` 250 pods \| 180\.0 ms \|.*\| missed \|")

    def test_rates_of_several_loads_are_side_by_side(self):
        loads = [Figure(load, "trace", "%", [share, share + 2], at_least=97) for load, share in (("connect", 90), ("stream", 98))]
        text = readme(document(*loads, Figure("connect", "dropwatch", "%", [], note="not installed")))
        self.assertIn("| trace | 91.0 % (90.5 to 91.5); ≥ 97: missed | 99.0 % (98.5 to 99.5); ≥ 97: met |", text)
        self.assertIn("dropwatch: not installed.", text)

    def test_what_could_not_be_measured_says_why(self):
        self.assertRegex(table([Figure("connect", "dropwatch", "%", [], note="not installed: apt-get install dropwatch")]), "dropwatch +not installed")

    def test_details_are_not_for_the_readme(self):
        figures = [Figure("cost", "all", "ns", [2]), Figure("cost", "one program", "ns", [1], detail=True)]
        self.assertIn("one program", table(figures))
        self.assertNotIn("one program", readme(document(*figures)))

    def test_an_emulated_machine_tells_ratios_only(self):
        whole = document(Figure("connect", "rate", "connections/s", [300]), Figure("connect", "trace", "%", [90]))
        whole["machine"]["emulated"] = True
        self.assertIn("emulated", readme(whole))
        self.assertNotIn("| rate |", readme(whole))
        self.assertIn("| trace | 90.0 %", readme(whole))

    def test_a_document_is_shown_as_it_was_measured(self):
        figure = Figure("armed", "250 pods", "ms", [120, 130, 125], below=150, digits=0)
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            json.dump(document(figure), file)
            file.flush()
            done = run("--from", file.name)
        self.assertEqual((done.returncode, done.stdout.strip()), (0, table([figure]).strip()))


if __name__ == "__main__":
    unittest.main()
