#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""No source file grows beyond what one can read at a sitting. Counts lines; how to split is for the author to decide, by purpose."""

import re
import sys

import checkout

LIMIT = 450
COUNTED = re.compile(r"(bpf|userspace|include|tests)/.*")
EXEMPT = re.compile(r"tests/fixtures/.*|tests/golden/[^/]+/.*|tests/fuzz/seeds/.*|tests/check/help/.*")


def check(root):
    complaints = []
    for path in checkout.files(root):
        if not COUNTED.fullmatch(path) or EXEMPT.fullmatch(path) or checkout.is_binary(root, path):
            continue
        lines = checkout.read(root, path).count("\n")
        if lines > LIMIT:
            complaints.append("%s: %d lines, more than %d; split it by purpose" % (path, lines, LIMIT))
    return complaints


if __name__ == "__main__":
    sys.exit(checkout.finish(check(checkout.parser(__doc__).parse_args().root)))
