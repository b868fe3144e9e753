#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Every file begins with its licence, in the comment of its language; a script may begin with its interpreter.

Looks at the first lines only. Files that have no comments, and files that came from elsewhere, are exempt by name.
"""

import os
import re
import sys

import checkout

LICENCE = "SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause"
FORMS = {
    "//": "// " + LICENCE,
    "/*": "/* " + LICENCE + " */",
    "#": "# " + LICENCE,
    "<!--": "<!-- " + LICENCE + " -->",
}
BY_SUFFIX = {
    ".cpp": "//", ".hpp": "//",
    ".h": "/*",
    ".py": "#", ".sh": "#", ".bash": "#", ".cmake": "#", ".yml": "#", ".yaml": "#", ".txt": "#", ".source": "#", ".nft": "#",
    ".md": "<!--",
}
# As in the kernel: // in a .c file, where either is accepted, and /* */ in headers that assembler or old C may read.
EITHER = {".c": ("//", "/*")}
BY_NAME = {".clang-format": "#", ".clang-tidy": "#"}
EXEMPT = re.compile(r"LICENSE|(.*/)?\.gitignore|vmlinux/.*\.h|tests/fixtures/.*|tests/golden/[^/]+/.*|tests/fuzz/seeds/.*|"
                    r"tests/check/help/.*|.*\.(json|jsonl|lock|png|svg|bin|dict)")


def check_file(path, text):
    """A complaint or None."""
    lines = text.split("\n", 2)
    first = lines[0]
    is_script = first.startswith("#!")
    if is_script:
        first = lines[1] if len(lines) > 1 else ""
    name = os.path.basename(path)
    suffix = os.path.splitext(name)[1]
    if first in [FORMS[comment] for comment in EITHER.get(suffix, ())]:
        return None
    comment = "#" if is_script else BY_NAME.get(name) or BY_SUFFIX.get(suffix, EITHER.get(suffix, (None,))[0])
    if comment is None:
        return "%s: no comment form is known for this kind of file; add it to tests/check/spdx.py or exempt it there" % path
    if first != FORMS[comment]:
        return "%s: the %s line must be: %s" % (path, "second" if is_script else "first", FORMS[comment])
    return None


def check(root):
    complaints = []
    for path in checkout.files(root):
        if EXEMPT.fullmatch(path) or os.path.getsize(os.path.join(root, path)) == 0:
            continue
        said = check_file(path, checkout.read(root, path))
        if said:
            complaints.append(said)
    return complaints


if __name__ == "__main__":
    sys.exit(checkout.finish(check(checkout.parser(__doc__).parse_args().root)))
