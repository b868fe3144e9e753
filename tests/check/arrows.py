#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The law of the house: which room may include and link which, and which headers of the system and of libraries stay where.

Reads #include lines and CMake's ROOMS only; that the arrows hold at run time is the linker's business.
"""

import os
import posixpath
import re
import sys

import checkout

# Each room and the rooms that its arrow points to. What those may use, it may use.
ARROWS = {
    "base": [],
    "model": ["base"],
    "wire": ["model"],
    "track": ["model"],
    "machine": ["base"],
    "inventory": ["machine", "model"],
    "nftrace": ["machine", "model"],
    "judge": ["model"],
    "render": ["model"],
    "probe": ["base", "model"],
    "cli": ["base", "model", "wire", "track", "machine", "inventory", "nftrace", "judge", "render", "probe"],
}

# Headers that only some rooms may have, first match decides: (pattern, rooms, why).
RESERVED = [
    (r"bpf/.*|.*\.skel\.h", ["probe"], "probe is the only room that knows libbpf"),
    (r"synfate/.*", ["wire", "probe"], "only wire decodes records, and only probe configures the kernel side"),
    (r"CLI/.*", ["cli"], "options are cli's"),
    (r"spdlog/fmt/.*|fmt/.*", ["render", "probe", "machine", "inventory", "wire", "judge", "track", "cli"], "base and model are std only"),
    (r"spdlog/.*", ["probe", "cli"], "the rooms between return errors instead of logging them"),
    (r"nlohmann/.*", ["wire", "render", "machine", "inventory", "cli"], "the others neither read nor write JSON"),
    (r"libmnl/.*|libnftnl/.*|nftables/.*", ["machine", "inventory", "nftrace"], "machine is the one seam to netlink, nftrace the one that changes rules"),
    (r"seccomp\.h", ["machine"], "what this process may do is the machine's business"),
    (r"ares.*", ["machine"], "machine is the one seam to name servers"),
    (r"linux/(netlink|rtnetlink|.*_diag|if_link|neighbour|net_namespace|netfilter/.*)\.h", ["machine", "inventory", "nftrace"],
     "machine is the one seam to netlink, nftrace the one that changes rules"),
]

# Values in, values out: these rooms have no way to reach the system or the clock.
PURE = ["model", "wire", "track", "judge", "render"]
IMPURE = re.compile(r"unistd\.h|fcntl\.h|poll\.h|sched\.h|signal\.h|spawn\.h|dirent\.h|time\.h|sys/.*|net/.*|netinet/.*|linux/.*|iostream|fstream|"
                    r"filesystem|chrono|ctime|csignal|thread|random")
# The recording file is wire's, so one pair of files there opens descriptors.
IMPURE_ALLOWED = {"wire": re.compile(r"recording\w*\.(cpp|hpp)")}

# base is the standard library, and close() for the one owner of a descriptor.
BASE_MAY = re.compile(r"[a-z_0-9]+")
BASE_ALSO = {"unique_fd.cpp": ["unistd.h"]}

CLOCKS = re.compile(r"\b(monotonic_now|wall_clock_now)\s*\(")
# A room that waits for a command or a descriptor needs deadlines; what it hands on carries no time of its own.
CLOCK_ROOMS = ["base", "machine", "cli"]

BPF_MAY = re.compile(r"vmlinux\.h|bpf/\w+\.h|(synfate/)?wire\.h")
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]', re.MULTILINE)
COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)
SOURCE = (".hpp", ".cpp", ".h", ".c")


def reachable(room):
    seen = set()
    ahead = [room]
    while ahead:
        at = ahead.pop()
        if at not in seen:
            seen.add(at)
            ahead += ARROWS[at]
    return seen


def includes(text):
    """[(line number, '<' or '"', header)]; a directive inside a comment is none."""
    bare = COMMENT.sub(lambda match: "\n" * match.group().count("\n"), text)
    return [(bare.count("\n", 0, m.start(1)) + 1, m.group(1), m.group(2)) for m in INCLUDE.finditer(bare)]


def resolve(path, header, known):
    """The project's file that an include means, or None."""
    for candidate in (posixpath.join(posixpath.dirname(path), header), "userspace/" + header, "include/" + header):
        candidate = posixpath.normpath(candidate)
        if candidate in known:
            return candidate
    return None


def system_complaint(room, name, header):
    for pattern, rooms, why in RESERVED:
        if re.fullmatch(pattern, header):
            return None if room in rooms else "%s does not belong in room %s: %s" % (header, room, why)
    if room == "base" and not BASE_MAY.fullmatch(header) and header not in BASE_ALSO.get(name, []):
        return "%s does not belong in room base, which is the standard library only" % header
    if room in PURE and IMPURE.fullmatch(header):
        allowed = IMPURE_ALLOWED.get(room)
        if not (allowed and allowed.fullmatch(name)):
            return "%s does not belong in room %s, which does no I/O and asks no clock; hand it the value" % (header, room)
    return None


def check_room_file(path, text, known):
    room = path.split("/")[1]
    may = reachable(room)
    complaints = []
    for line, _, header in includes(text):
        target = resolve(path, header, known)
        if target and target.startswith("userspace/"):
            other = target.split("/")[1]
            if other not in may:
                complaints.append("%s:%d: room %s must not include room %s (%s); it may: %s"
                                  % (path, line, room, other, header, " ".join(sorted(may - {room})) or "nothing"))
            continue
        said = system_complaint(room, posixpath.basename(path), header)
        if said:
            complaints.append("%s:%d: %s" % (path, line, said))
    if room not in CLOCK_ROOMS:
        bare = COMMENT.sub(lambda match: "\n" * match.group().count("\n"), text)
        for match in CLOCKS.finditer(bare):
            complaints.append("%s:%d: this room does not ask for the time; take it as an argument" % (path, bare.count("\n", 0, match.start()) + 1))
    return complaints


def check_bpf_file(path, text, known):
    complaints = []
    for line, _, header in includes(text):
        target = resolve(path, header, known)
        if target and (target.startswith("bpf/") or target == "include/synfate/wire.h"):
            continue
        if not BPF_MAY.fullmatch(header):
            complaints.append("%s:%d: bpf/ may include vmlinux.h, <bpf/...>, synfate/wire.h and its own headers, not %s" % (path, line, header))
    return complaints


def check_contract(path, text):
    return ["%s:%d: the contract of both worlds may include vmlinux.h and linux/types.h, not %s" % (path, line, header)
            for line, _, header in includes(text) if header not in ("vmlinux.h", "linux/types.h")]


def check_cmake(path, text):
    room = path.split("/")[1]
    bare = re.sub(r"#[^\n]*", "", text)
    complaints = []
    for call in re.findall(r"synfate_room\s*\(([^)]*)\)", bare):
        words = call.split()
        # A room may have a second library, such as a fake for the tests of others: machine_fake.
        if not words or words[0] != room and not words[0].startswith(room + "_"):
            complaints.append("%s: declares room %s; the folder is %s" % (path, words[0] if words else "?", room))
    for linked in re.findall(r"\bROOMS\b((?:\s+\w+)*)", bare):
        for word in linked.split():
            if word in ("SOURCES", "LIBRARIES"):
                break
            if word.split("_")[0] not in reachable(room):
                complaints.append("%s: room %s must not link room %s" % (path, room, word))
    return complaints


def cycle(graph):
    """One cycle of the include graph as a list of files, or None."""
    state = {}
    for start in sorted(graph):
        stack = [(start, iter(sorted(graph[start])))]
        if start in state:
            continue
        state[start] = "open"
        while stack:
            at, ahead = stack[-1]
            target = next(ahead, None)
            if target is None:
                state[at] = "done"
                stack.pop()
            elif state.get(target) == "open":
                names = [name for name, _ in stack]
                return names[names.index(target):] + [target]
            elif target not in state:
                state[target] = "open"
                stack.append((target, iter(sorted(graph.get(target, ())))))
    return None


def check(root):
    names = checkout.files(root)
    known = set(names)
    complaints = []
    graph = {}
    for path in names:
        parts = path.split("/")
        if parts[0] == "userspace" and len(parts) > 2 and parts[1] not in ARROWS:
            complaints.append("%s: %s is not a room; the rooms are %s" % (path, parts[1], " ".join(ARROWS)))
            continue
        if parts[0] == "userspace" and len(parts) > 2 and parts[-1] == "CMakeLists.txt":
            complaints += check_cmake(path, checkout.read(root, path))
        if parts[0] not in ("userspace", "bpf", "include") or os.path.splitext(path)[1] not in SOURCE:
            continue
        text = checkout.read(root, path)
        graph[path] = {target for target in (resolve(path, header, known) for _, _, header in includes(text)) if target}
        if parts[0] == "userspace" and len(parts) > 2:
            complaints += check_room_file(path, text, known)
        elif parts[0] == "bpf":
            complaints += check_bpf_file(path, text, known)
        elif parts[0] == "include":
            complaints += check_contract(path, text)
    if not graph:
        complaints.append("no source file found under %s: nothing was checked" % root)
    loop = cycle(graph)
    if loop:
        complaints.append("include cycle: " + " -> ".join(loop))
    return complaints


if __name__ == "__main__":
    sys.exit(checkout.finish(check(checkout.parser(__doc__).parse_args().root)))
