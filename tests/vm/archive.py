# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""An initramfs in the one format that every kernel unpacks ("newc" cpio), written straight from where the files lie: no staging copy, no
root, and everything in it belongs to root. Archives may be concatenated; of two files with one name the later one counts."""

import os
import stat

ALIGNMENT = 4


def merged(path):
    """Where a path of the host is in the guest: /bin, /sbin and /lib* are links into /usr there, as on the distributions that we know."""
    first = path.split("/")[1]
    return "/usr" + path if first in ("bin", "sbin", "lib", "lib64") else path


class Archive:
    """Collects {path in the guest: what it is}; write() puts folders before what is in them."""

    def __init__(self):
        self.entries = {}

    def folder(self, path, mode=0o755):
        while path != "/" and path not in self.entries:
            self.entries[path] = ("folder", mode)
            path, mode = os.path.dirname(path), 0o755

    def file(self, path, source):
        self.folder(os.path.dirname(path))
        self.entries[path] = ("file", source)

    def text(self, path, text, mode=0o644):
        self.folder(os.path.dirname(path))
        self.entries[path] = ("text", text.encode(), mode)

    def link(self, path, target):
        self.folder(os.path.dirname(path))
        self.entries[path] = ("link", target.encode())

    def tree(self, path, source, wanted=lambda relative: True):
        """A folder with all that is in it, as far as `wanted(path relative to it)` goes. Links are followed."""
        self.folder(path)
        for at, folders, names in os.walk(source, followlinks=True):
            relative = os.path.relpath(at, source)
            folders[:] = sorted(name for name in folders if wanted(os.path.normpath(os.path.join(relative, name))))
            for name in sorted(names):
                below = os.path.normpath(os.path.join(relative, name))
                if wanted(below) and os.path.isfile(os.path.join(at, name)):
                    self.file(os.path.join(path, below), os.path.join(at, name))

    def fingerprint(self):
        """Changes when anything does that is in it."""
        known = []
        for path, entry in sorted(self.entries.items()):
            if entry[0] == "file":
                seen = os.stat(entry[1])
                entry = (*entry, seen.st_size, seen.st_mtime_ns, seen.st_mode)
            known.append((path, entry))
        return repr(known)

    def write(self, stream):
        for number, (path, entry) in enumerate(sorted(self.entries.items()), 1):
            kind = entry[0]
            if kind == "file":
                with open(entry[1], "rb") as file:
                    content = file.read()
                mode = stat.S_IFREG | (0o755 if os.stat(entry[1]).st_mode & 0o111 else 0o644)
            elif kind == "text":
                content, mode = entry[1], stat.S_IFREG | entry[2]
            elif kind == "link":
                content, mode = entry[1], stat.S_IFLNK | 0o777
            else:
                content, mode = b"", stat.S_IFDIR | entry[1]
            _put(stream, path.lstrip("/"), number, mode, content)
        _put(stream, "TRAILER!!!", 0, 0, b"")
        stream.write(bytes(-stream.tell() % 512))


def _put(stream, name, number, mode, content):
    encoded = name.encode() + b"\0"
    links = 2 if stat.S_ISDIR(mode) else 1
    # inode, mode, uid, gid, links, mtime, size, device of the file and its own, length of the name, no checksum
    fields = (number, mode, 0, 0, links, 0, len(content), 0, 0, 0, 0, len(encoded), 0)
    stream.write(b"070701" + b"".join(b"%08X" % field for field in fields) + encoded)
    stream.write(bytes(-stream.tell() % ALIGNMENT))
    stream.write(content)
    stream.write(bytes(-stream.tell() % ALIGNMENT))
