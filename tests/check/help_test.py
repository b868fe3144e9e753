#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""help.py against a small program that stands for synfate."""

import os
import tempfile
import unittest

import help as helps

PROGRAM = """#!/bin/sh
case "$1" in
  --help) printf 'Usage: synfate COMMAND\\n  trace  watch\\n%s' ;;
  trace) printf 'Usage: synfate trace\\n%s' ;;
  demo) printf 'Usage: synfate COMMAND\\n  trace  watch\\n%s' ;;
  *) echo "unknown command" >&2; exit %d ;;
esac
"""


class Help(unittest.TestCase):
    def setUp(self):
        self.holder = tempfile.TemporaryDirectory()
        self.addCleanup(self.holder.cleanup)
        self.root = self.holder.name

    def program(self, whole="", trace="", unknown_status=1):
        path = os.path.join(self.root, "synfate")
        with open(path, "w", encoding="utf-8") as file:
            file.write(PROGRAM % (whole, trace, whole, unknown_status))
        os.chmod(path, 0o755)
        return path

    def check(self, updating=False, **texts):
        return helps.check(self.root, self.program(**texts), updating)

    def test_update_then_same(self):
        self.assertEqual(len(self.check()), 2)
        self.assertEqual(self.check(updating=True), [])
        self.assertEqual(sorted(os.listdir(os.path.join(self.root, helps.TEXTS))), ["synfate.txt", "trace.txt"])
        self.assertEqual(self.check(), [])

    def test_change_is_shown(self):
        self.check(updating=True)
        found = self.check(trace="  --new\\n")
        self.assertEqual(len(found), 1, found)
        self.assertIn("+  --new", found[0])

    def test_faults(self):
        self.check(updating=True)
        self.assertIn("exits with 2", self.check(unknown_status=2)[0])
        self.assertIn("trailing blanks", self.check(updating=True, whole="x \\n")[0])
        self.assertIn("columns", self.check(updating=True, trace="x" * 120 + "\\n")[0])
        with open(os.path.join(self.root, helps.TEXTS, "old.txt"), "w", encoding="utf-8") as file:
            file.write("x\n")
        self.assertIn("the text of no command", " ".join(self.check(updating=True)))

    def test_a_command_that_went_is_missed(self):
        self.check(updating=True)
        with open(os.path.join(self.root, helps.TEXTS, "demo.txt"), "w", encoding="utf-8") as file:
            file.write("x\n")
        self.assertIn("synfate demo --help exits", self.check()[0])


if __name__ == "__main__":
    unittest.main()
