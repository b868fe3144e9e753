# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The walls around one live test: private mount and process namespaces, so that nothing of it outlives it, not even after SIGKILL.

It knows nothing of networks and of synfate, and it never touches what it did not make."""

import ctypes
import errno
import os
import select
import signal
import sys
import time

CLONE_NEWNS = 0x00020000
CLONE_NEWPID = 0x20000000
MS_REC = 0x4000
MS_PRIVATE = 1 << 18
PR_SET_PDEATHSIG = 1

_libc = ctypes.CDLL(None, use_errno=True)


def _check(result, what):
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def _mount(source, target, kind, flags=0, data=None):
    data = data and data.encode()
    _check(_libc.mount(source.encode(), target.encode(), kind.encode(), ctypes.c_ulong(flags), data), f"mount {kind} on {target}")


def mount_empty(path):
    """A directory that is the test's own, over whatever is there."""
    os.makedirs(path, exist_ok=True)
    _mount("tmpfs", path, "tmpfs")


def mount_tracefs():
    """For programs that read the formats of tracepoints, on a machine where nobody has mounted it."""
    path = "/sys/kernel/tracing"
    if not os.listdir(path):
        _mount("tracefs", path, "tracefs")


def mount_small(path, size_bytes):
    """A file system that is soon full, which goes with the test."""
    os.makedirs(path, exist_ok=True)
    _mount("tmpfs", path, "tmpfs", data=f"size={size_bytes}")


def cgroup_roots():
    """Where hierarchies of cgroups are mounted, of version 1 as well."""
    with open("/proc/self/mountinfo", encoding="utf-8") as mounts:
        lines = [line.split() for line in mounts]
    return [words[4] for words in lines if words[words.index("-") + 1] in ("cgroup", "cgroup2")]


def cgroup_root():
    """Where the cgroup v2 hierarchy is mounted, or None."""
    with open("/proc/self/mountinfo", encoding="utf-8") as mounts:
        for line in mounts:
            before, _, after = line.partition(" - ")
            if after.split()[0] == "cgroup2":
                return before.split()[4]
    return None


def cgroup_name(tag):
    """Every cgroup of this test is `tag` or below it; the janitor removes it."""
    return f"synfate-live-{tag}"


def _remove_cgroup(path):
    for child in (entry.path for entry in os.scandir(path) if entry.is_dir()):
        _remove_cgroup(child)
    if not os.path.exists(os.path.join(path, "cgroup.events")):
        _remove_old_cgroup(path)
        return
    # The last member may still be dying: cgroup.events reports the change of "populated" as POLLPRI.
    with open(os.path.join(path, "cgroup.events"), encoding="ascii") as events:
        poller = select.poll()
        poller.register(events, select.POLLPRI)
        while "populated 1" in events.read():
            if not poller.poll(10_000):
                break
            events.seek(0)
    os.rmdir(path)


def _remove_old_cgroup(path):
    """Version 1 says nothing when the last member has gone."""
    deadline = time.monotonic() + 10
    while True:
        try:
            os.rmdir(path)
            return
        except OSError as error:
            if error.errno != errno.EBUSY or time.monotonic() > deadline:
                raise
            os.sched_yield()


def _janitor(alive, tag):
    """Waits until every holder of the pipe is gone, then removes the one thing that namespaces do not: cgroups."""
    os.setsid()
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(null, descriptor)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    os.read(alive, 1)
    for path in (os.path.join(root, cgroup_name(tag)) for root in cgroup_roots()):
        if os.path.isdir(path):
            _remove_cgroup(path)


def _furnish():
    """A /proc of our own process namespace, and a /run that is only ours: named namespaces and xtables' lock live there."""
    _mount("none", "/", "none", MS_REC | MS_PRIVATE)
    _mount("proc", "/proc", "proc")
    _mount("tmpfs", "/run", "tmpfs")
    os.makedirs("/run/netns")


def _exit_with(body):
    """This copy of the process ends with what body() returns."""
    status = 1
    try:
        status = body()
    except BaseException:  # not only Exception: SystemExit of a body must not escape into the copy of the caller's stack
        import traceback

        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def _live_within(body):
    """What the first process inside does: it waits for a second one, which is the body's. The body visits other network namespaces, and who
    asks where the machine itself is (synfate does) looks where process 1 is."""
    _furnish()
    second = os.fork()
    if second == 0:
        _exit_with(body)
    while True:
        ended, status = os.wait()
        if ended == second:
            return os.waitstatus_to_exitcode(status) & 0xFF


def run_inside(body):
    """Runs body() inside the walls and exits with its return value. The caller's process stays outside, and waits.

    Inside is a process namespace: when its first process goes, after the body or with the waiting process outside, the kernel
    kills everything that was started inside, and the mount namespace takes the named network namespaces with it."""
    if os.geteuid() != 0:
        print("live tests need root: they make network namespaces and load BPF programs", file=sys.stderr)
        sys.exit(1)
    tag = os.getpid()
    alive_read, alive_write = os.pipe()
    janitor = os.fork()
    if janitor == 0:
        os.close(alive_write)
        try:
            _janitor(alive_read, tag)
        finally:
            os._exit(0)
    os.close(alive_read)

    _check(_libc.unshare(CLONE_NEWNS | CLONE_NEWPID), "unshare")
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if child == 0:
        _libc.prctl(PR_SET_PDEATHSIG, ctypes.c_ulong(signal.SIGKILL), 0, 0, 0)
        if os.getppid() != 0:  # 0: a parent that is in another process namespace
            os._exit(1)
        os.environ["SYNFATE_LIVE_TAG"] = str(tag)
        _exit_with(lambda: _live_within(body))

    def end(_number, _frame):
        os.kill(child, signal.SIGKILL)

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, signal.SIG_IGN if sys.stdin.isatty() else end)
    _, status = os.waitpid(child, 0)
    os.close(alive_write)
    os.waitpid(janitor, 0)
    sys.exit(os.WEXITSTATUS(status) if os.WIFEXITED(status) else 1)
