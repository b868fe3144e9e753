#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The checks that look at text, each against a small checkout that is in order and against the same with one fault."""

import os
import tempfile
import unittest

import arrows
import checkout
import format as formatting
import leaks
import sizes
import spdx
import wire

CPP = "// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause\n"
C = "/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */\n"
HASH = "# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause\n"
ORDERLY = {
    "userspace/base/text.hpp": CPP + "#pragma once\n#include <string>\n",
    "userspace/base/unique_fd.cpp": CPP + '#include <unistd.h>\n#include "base/text.hpp"\n',
    "userspace/model/place.hpp": CPP + '#pragma once\n#include "base/text.hpp"\n',
    "userspace/judge/judge.cpp": CPP + '#include "base/text.hpp"\n#include "model/place.hpp"\n// #include <fcntl.h>\n',
    "userspace/judge/CMakeLists.txt": HASH + "synfate_room(judge SOURCES judge.cpp ROOMS model LIBRARIES fmt::fmt)\n",
    "userspace/wire/recording.cpp": CPP + "#include <fcntl.h>\n#include <synfate/wire.h>\n",
    "userspace/probe/ring.cpp": CPP + '#include <bpf/libbpf.h>\n#include "synfate.skel.h"\n',
    "bpf/maps.h": C + '#include "vmlinux.h"\n#include <bpf/bpf_helpers.h>\n#include <synfate/wire.h>\n',
    "bpf/synfate.bpf.c": C + '#include "maps.h"\n',
    "include/synfate/wire.h": C + "#define WIRE_VERSION 1\nstruct wire_a {\n\t__u32 x; /* why */\n};\n",
    "run": "#!/bin/bash\n" + HASH + "true\n",
    "README.md": "<!-- SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause -->\n# synfate\n",
}


class Checkout:
    """A directory with these files, gone afterwards."""

    def __init__(self, changes=None):
        self.holder = tempfile.TemporaryDirectory()
        self.root = self.holder.name
        for path, text in {**ORDERLY, **(changes or {})}.items():
            os.makedirs(os.path.dirname(os.path.join(self.root, path)), exist_ok=True)
            with open(os.path.join(self.root, path), "w", encoding="utf-8", newline="") as file:
                file.write(text)

    def __enter__(self):
        return self.root

    def __exit__(self, *_):
        self.holder.cleanup()


class CheckCase(unittest.TestCase):
    def assert_clean(self, check):
        with Checkout() as root:
            self.assertEqual(check(root), [])

    def assert_finds(self, check, path, text, part):
        with Checkout({path: text}) as root:
            found = check(root)
        self.assertEqual(len(found), 1, found)
        self.assertIn(part, found[0])


class Arrows(CheckCase):
    def test_order(self):
        self.assert_clean(arrows.check)

    def finds(self, path, text, part):
        self.assert_finds(arrows.check, path, text, part)

    def test_room_that_may_not_be_included(self):
        self.finds("userspace/model/a.cpp", '#include "judge/judge.cpp"\n', "room model must not include room judge")
        self.finds("userspace/render/a.cpp", '  #  include "probe/ring.cpp"\n', "a.cpp:1: room render must not include room probe")
        self.finds("userspace/base/a.hpp", '#include "../model/place.hpp"\n', "room base must not include room model")

    def test_headers_that_have_a_home(self):
        self.finds("userspace/cli/a.cpp", "#include <bpf/libbpf.h>\n", "only room that knows libbpf")
        self.finds("userspace/track/a.cpp", "#include <synfate/wire.h>\n", "only wire decodes")
        self.finds("userspace/judge/a.cpp", "#include <nlohmann/json.hpp>\n", "does not belong in room judge")

    def test_pure_rooms(self):
        for header in ("unistd.h", "fcntl.h", "sys/socket.h", "iostream", "chrono"):
            self.finds("userspace/judge/a.cpp", "#include <%s>\n" % header, "does no I/O")
        self.finds("userspace/wire/decode.cpp", "#include <fcntl.h>\n", "does no I/O")

    def test_base_is_the_standard_library(self):
        self.finds("userspace/base/a.cpp", "#include <unistd.h>\n", "standard library only")

    def test_time_is_passed_in(self):
        self.finds("userspace/track/a.cpp", "auto now = monotonic_now();\n", "does not ask for the time")

    def test_kernel_side(self):
        self.finds("bpf/a.h", "#include <string.h>\n", "bpf/ may include")
        self.finds("bpf/a.h", '#include "../userspace/base/text.hpp"\n', "bpf/ may include")
        self.finds("include/synfate/b.h", "#include <stdint.h>\n", "contract")

    def test_cmake(self):
        self.finds("userspace/track/CMakeLists.txt", "synfate_room(track SOURCES a.cpp ROOMS model judge)\n", "must not link room judge")
        self.finds("userspace/track/CMakeLists.txt", "synfate_room(model SOURCES a.cpp)\n", "the folder is track")

    def test_cycle_and_unknown_room(self):
        self.finds("userspace/base/text.hpp", '#include "base/text.hpp"\n', "include cycle")
        self.finds("userspace/attic/a.cpp", "\n", "attic is not a room")

    def test_nothing_to_check_is_a_fault(self):
        with tempfile.TemporaryDirectory() as root:
            self.assertIn("nothing was checked", arrows.check(root)[0])


class Spdx(CheckCase):
    def test_order(self):
        self.assert_clean(spdx.check)

    def test_faults(self):
        self.assert_finds(spdx.check, "userspace/base/a.cpp", "int x;\n", "the first line must be")
        self.assert_finds(spdx.check, "userspace/base/a.cpp", C, "the first line must be: //")
        self.assert_finds(spdx.check, "test", "#!/bin/bash\ntrue\n", "the second line must be")
        self.assert_finds(spdx.check, "docs/a.odd", "x\n", "no comment form is known")


class Sizes(CheckCase):
    def test_limit(self):
        self.assert_clean(sizes.check)
        with Checkout({"userspace/base/a.cpp": "\n" * sizes.LIMIT}) as root:
            self.assertEqual(sizes.check(root), [])
        self.assert_finds(sizes.check, "userspace/base/a.cpp", "\n" * (sizes.LIMIT + 1), "split it")


class Leaks(CheckCase):
    RULES = leaks.rules_for("/place/of/checkout", {"packages.test"})

    def test_order(self):
        self.assert_clean(leaks.check)
        for text in ("a/place/b", "/proc/42/root/etc", 'open("/proc/" + tgid + "/root/etc")', "$dir/home/x", "network/placement", "/usr/bin/x",
                     "http://10.96.0.1/", "http://x/"):
            self.assertEqual(leaks.check_text("a", text, self.RULES), [], text)

    def test_faults(self):
        registry, elsewhere = ".".join(("registry", "example", "org")), ".".join(("elsewhere", "example", "com"))
        for text in ("see /place/of", "cd /home/" + "me", '"/root/' + '.ssh"', "from packages.test", "on " + registry, "https://" + elsewhere + "/x"):
            self.assertEqual(len(leaks.check_text("a", text, self.RULES)), 1, text)
        self.assert_finds(leaks.check, "docs/a.md", "built in /home/" + "me/x\n", "docs/a.md:1")


class Format(CheckCase):
    def test_text(self):
        self.assertEqual(formatting.check_text("a.cpp", "int x;\n"), [])
        self.assertEqual(formatting.check_text("a.bpf.c", "\tint x;\n"), [])
        for text in ("int x; \n", "int x;\r\n", "\tint x;\n", "int x;", "int x;\n\n"):
            self.assertEqual(len(formatting.check_text("a.cpp", text)), 1, repr(text))

    def test_layout(self):
        command, why = formatting.clang_format()
        if not command:
            self.skipTest(why)
        style = {".clang-format": HASH + "BasedOnStyle: Google\n"}
        with Checkout({**style, "a.cpp": CPP + "int x = 1;\n"}) as root:
            self.assertEqual([c for c in formatting.check(root, command) if c.startswith("a.cpp")], [])
        with Checkout({**style, "a.cpp": CPP + "int   x=1;\n"}) as root:
            self.assertEqual(len([c for c in formatting.check(root, command) if c.startswith("a.cpp")]), 1)


class Wire(CheckCase):
    HEADER = ORDERLY["include/synfate/wire.h"]

    def lock(self, text):
        return (wire.version_of(text), wire.digest(text))

    def test_comments_and_layout_do_not_count(self):
        self.assertIsNone(wire.judge(self.HEADER.replace("/* why */", "/* and\n why */\n"), self.lock(self.HEADER)))

    def test_every_declaration_counts(self):
        for before, after in (("__u32 x", "__u64 x"), ("__u32 x;", "__u32 x; __u32 y;"), ("wire_a", "wire_b")):
            said = wire.judge(self.HEADER.replace(before, after), self.lock(self.HEADER))
            self.assertIn("set it to 2", said)

    def test_versions(self):
        bumped = self.HEADER.replace("WIRE_VERSION 1", "WIRE_VERSION 2")
        self.assertIn("--update", wire.judge(bumped, self.lock(self.HEADER)))
        self.assertIn("only grow", wire.judge(self.HEADER, self.lock(bumped)))
        self.assertIn("missing", wire.judge("struct wire_a;\n", None))
        self.assertIn("unreadable", wire.judge(self.HEADER, None))

    def test_update_refuses_to_hide_a_change(self):
        with Checkout() as root:
            os.makedirs(os.path.join(root, "tests/check"))
            self.assertEqual(wire.update(root), [])
            self.assertEqual(wire.check(root), [])
            path = os.path.join(root, wire.HEADER)
            changed = self.HEADER.replace("__u32", "__u64")
            with open(path, "w", encoding="ascii") as file:
                file.write(changed)
            before = checkout.read(root, wire.LOCK)
            self.assertEqual(len(wire.update(root)), 1)
            self.assertEqual(checkout.read(root, wire.LOCK), before)
            with open(path, "w", encoding="ascii") as file:
                file.write(changed.replace("WIRE_VERSION 1", "WIRE_VERSION 2"))
            self.assertEqual(wire.update(root), [])
            self.assertEqual(wire.check(root), [])


class Files(unittest.TestCase):
    def test_builds_are_no_part_of_the_project(self):
        with Checkout({"build/a.cpp": "x", "build-x/b.cpp": "x", "userspace/build/c.cpp": "x"}) as root:
            names = checkout.files(root)
        self.assertIn("userspace/build/c.cpp", names)
        self.assertFalse([name for name in names if name.startswith("build")], names)


if __name__ == "__main__":
    unittest.main()
