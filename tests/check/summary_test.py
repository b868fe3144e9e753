#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The last lines of ./test, from listings and results in ctest's own form."""

import os
import sys
import unittest
import xml.etree.ElementTree as ElementTree

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), ".."))
import summary

LISTING = {"tests": [
    {"name": "unit.a", "properties": [{"name": "LABELS", "value": ["unit"]}]},
    {"name": "live.b", "properties": [{"name": "LABELS", "value": ["live"]}]},
    {"name": "live.c", "properties": [{"name": "LABELS", "value": ["live"]}]},
    {"name": "d"},
]}
PASS = '<testcase name="%s" status="run"/>'
FAIL = '<testcase name="%s" status="fail"><failure message=""/></testcase>'
SKIP = '<testcase name="%s" status="notrun"><skipped message="SKIP_RETURN_CODE=77"/><system-out>%s</system-out></testcase>'
MISSING = '<testcase name="%s" status="notrun"><skipped message="Unable to find executable"/></testcase>'


def lines(*cases, held_back="", because=""):
    junit = ElementTree.ElementTree(ElementTree.fromstring("<testsuite>%s</testsuite>" % "".join(cases)))
    return summary.report(*summary.collect(LISTING, junit, held_back, because))


class Summary(unittest.TestCase):
    def test_counts_by_label(self):
        said = lines(PASS % "unit.a", PASS % "live.b", FAIL % "live.c", PASS % "d")
        self.assertEqual(said, ["by label: live 1/2 (1 failed), unit 1/1, unlabelled 1/1", "3 passed, 1 failed, 0 skipped"])

    def test_skips_say_why(self):
        said = lines(PASS % "unit.a", SKIP % ("live.b", "x\nSKIP: no foo here\ny"), SKIP % ("live.c", ""), PASS % "d")
        self.assertEqual(said[:2], ["skipped: live.b: no foo here", "skipped: live.c: it gave no reason"])
        self.assertEqual(said[-1], "2 passed, 0 failed, 2 skipped")

    def test_held_back(self):
        said = lines(PASS % "unit.a", PASS % "d", held_back="^(live|bpf)$", because="needs root")
        self.assertEqual(said[0], "skipped: live.b, live.c: needs root")
        self.assertEqual(said[-1], "2 passed, 0 failed, 2 skipped")

    def test_a_program_that_is_not_there_and_a_missing_result_are_failures(self):
        self.assertEqual(lines(MISSING % "unit.a", PASS % "live.b", PASS % "live.c")[-1], "2 passed, 2 failed, 0 skipped")

    def test_output_of_tests_is_not_trusted(self):
        self.assertEqual(summary.skip_reason("skip: a\x1b[2Jb" + "c" * 1000)[:6], "a?[2Jb")
        self.assertLessEqual(len(summary.skip_reason("skip: " + "c" * 1000)), 200)


if __name__ == "__main__":
    unittest.main()
