#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""causes.py against a checkout where one cause is everywhere, and against the same with one place missing or misspelt."""

import os
import tempfile
import unittest

import causes

README = "| cause | evidence |\n|---|---|\n| `no_route` | a lookup failed |\n\n| option | what |\n|---|---|\n| `json` | lines |\n"
ORDERLY = {
    "tests/check/causes.txt": "# a comment\nno_route dropped,refused done\nipvs dropped later\n",
    "userspace/judge/causes/no_route.cpp": 'Cause{.name = "no_route"};\n',
    "tests/unit/judge/no_route_test.cpp": 'CHECK(verdict.cause == "no_route");\n',
    "tests/live/no_route_ipv6.py": "pass\n",
    "tests/live/signals.py": "pass\n",
    "tests/golden/no_route/recording.synfate": "x",
    "README.md": README,
}


class Causes(unittest.TestCase):
    def found(self, changes=None, without=None):
        with tempfile.TemporaryDirectory() as root:
            for path, text in {**ORDERLY, **(changes or {})}.items():
                if path == without:
                    continue
                os.makedirs(os.path.dirname(os.path.join(root, path)), exist_ok=True)
                with open(os.path.join(root, path), "w", encoding="utf-8") as file:
                    file.write(text)
            return causes.check(root)

    def test_order(self):
        self.assertEqual(self.found(), [])

    def test_each_missing_place_is_named(self):
        for path, part in (("userspace/judge/causes/no_route.cpp", "a name in userspace/judge/"),
                           ("tests/unit/judge/no_route_test.cpp", "a unit test"),
                           ("tests/live/no_route_ipv6.py", "a live test"),
                           ("tests/golden/no_route/recording.synfate", "a golden case"),
                           ("README.md", "a row in README.md"),
                           ("tests/check/causes.txt", "is missing")):
            found = self.found(without=path)
            self.assertEqual(len(found), 1, found)
            self.assertIn(part, found[0])

    def test_a_name_in_a_comment_is_no_name(self):
        self.assertEqual(len(self.found({"userspace/judge/causes/no_route.cpp": '// "no_route"\n'})), 1)

    def test_misspelt(self):
        self.assertIn("no_rout is no cause", self.found({"userspace/judge/a.cpp": 'verdict.cause = "no_rout";\n'})[0])
        self.assertIn("no_rout is no cause", self.found({"userspace/judge/a.cpp": '    {"no_rout", match_no_route},\n'})[0])
        self.assertIn("no_rout is no cause", self.found({"README.md": README.replace("`no_route`", "`no_route`, `no_rout`")})[0])

    def test_states(self):
        self.assertIn("raise its state", self.found({"userspace/judge/a.cpp": 'cause = "ipvs";\n'})[0])
        self.assertIn("it is 'done'", self.found({"tests/check/causes.txt": "no_route dropped judged\n"})[0])
        self.assertIn("listed twice", self.found({"tests/check/causes.txt": "no_route dropped done\nno_route dropped done\n"})[0])
        self.assertIn("want:", self.found({"tests/check/causes.txt": "no_route dropped done\nipvs gone later\n"})[0])

    def test_the_longest_name_owns_a_test(self):
        self.assertEqual(causes.owner("netfilter_drop_legacy", ["netfilter", "netfilter_drop"]), "netfilter_drop")
        self.assertIsNone(causes.owner("netfilterless", ["netfilter"]))


if __name__ == "__main__":
    unittest.main()
