# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Ways in which a file can be other than it should be. Each makes something else of the one at `path`; beside each, what synfate must say of it."""

import os
import shutil
import stat

from made_pods import write

# What no output may show: it is in a file that a link leads to.
MARKER = "what-lies-outside"
OUTSIDE = "/run/outside/secret"


def put_right(path, content):
    if os.path.isdir(path) and not os.path.islink(path):
        os.rmdir(path)
    elif os.path.lexists(path):
        os.remove(path)
    write(path, content)


def too_long(path):
    with open(path, "ab") as file:
        for _ in range(10):
            file.write(b" " * (1 << 20))


def halved(path):
    os.truncate(path, os.path.getsize(path) // 2)


def emptied(path):
    os.truncate(path, 0)


def nested(path):
    write(path, '{"annotations":' + "[" * 100_000 + "]" * 100_000 + "}")


def unclosed(path):
    write(path, '{"annotations":' + "[" * 100_000)


def not_utf8(path):
    with open(path, "rb") as file:
        text = file.read()
    write(path, text.replace(b"shop", b"sh\xff\xfep"))


def directory(path):
    os.remove(path)
    os.mkdir(path)


def fifo(path):
    os.remove(path)
    os.mkfifo(path)


def device(path):
    os.remove(path)
    os.mknod(path, stat.S_IFCHR | 0o600, os.makedev(1, 5))  # /dev/zero never ends


def dangling(path):
    os.remove(path)
    os.symlink("/run/outside/nothing", path)


def led_outside(path):
    """Even to what would do: no engine makes its file a link."""
    shutil.move(path, OUTSIDE)
    os.symlink(OUTSIDE, path)


def led_to_secret(path):
    os.remove(path)
    os.symlink(OUTSIDE, path)
    write(OUTSIDE, f'{{"annotations":{{"io.kubernetes.cri.sandbox-name":"{MARKER}"}}, {MARKER}')


NOT_WHOLE = {damage: "not a whole JSON object" for damage in (halved, emptied, not_utf8)}
NOT_A_FILE = {kind: "not a regular file" for kind in (directory, fifo, device, dangling, led_outside, led_to_secret)}
LONG = {too_long: "longer than"}
# Of the latter it depends on the file which is found first.
DEEP = {nested: "nests deeper than", unclosed: "JSON"}
ALL = {**NOT_WHOLE, **NOT_A_FILE, **LONG, **DEEP}
