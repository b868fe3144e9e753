# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Boots a guest, and sees to it that it ends; talk.py is for what lies between. It knows nothing of what is run there.

A guest outlives the command that boots it, for others to talk to, and never the process that started that command (ctest, a shell): a keeper watches."""

import ctypes
import fcntl
import os
import select
import shutil
import signal
import socket
import subprocess

from talk import GuestError, Talk, end, last_words, short

EMULATOR = "qemu-system-x86_64"
# Emulation is enough, and /dev/kvm inside a virtual machine may be there and not work. A device for the network would be one to the world.
# What is slower than plain code when it is emulated is left out: programs choose by it.
PROCESSOR = "max,erms=off,fsrm=off,avx=off,avx2=off,fma=off"
HARDWARE = ["-nodefaults", "-cpu", PROCESSOR, "-smp", "2", "-m", "2048", "-net", "none", "-display", "none", "-no-reboot"]
KERNEL_LINE = "console=ttyS0 panic=-1 quiet random.trust_cpu=on"
BOOT_SECONDS = 180
PR_SET_PDEATHSIG = 1

_libc = ctypes.CDLL(None, use_errno=True)


def folder_of(work, name):
    return os.path.join(work, "guests", name)


def accelerator():
    """TCG with a thread for each processor and 256 MB for what it translates, unless the environment names another: SYNFATE_TEST_ACCEL=kvm."""
    return os.environ.get("SYNFATE_TEST_ACCEL", "tcg,thread=multi,tb-size=256")


def listening(folder, name):
    one = socket.socket(socket.AF_UNIX)
    descriptor, path = short(folder, name)
    one.bind(path)
    os.close(descriptor)
    one.listen(8)
    return one


def locked(folder, seconds=5.0):
    """The descriptor of the folder's lock, which the keeper of a guest holds. One whose owner was just killed needs a moment."""
    lock = os.open(os.path.join(folder, "lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)

    def too_late(_number, _frame):
        raise GuestError(f"a guest is running in {folder} already, for another ctest; only one can")

    before = signal.signal(signal.SIGALRM, too_late)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
    except GuestError:
        os.close(lock)
        raise
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    return lock


def boot(folder, image, initramfs, owner):
    """Boots a guest that lives as long as the process `owner`; returns its first words. `initramfs`: archives that make up one."""
    os.makedirs(folder, exist_ok=True)
    lock = locked(folder)
    for name in os.listdir(folder):
        if name != "lock":
            os.unlink(os.path.join(folder, name))
    whole = os.path.join(folder, "initramfs")
    with open(whole, "wb") as file:
        for part in initramfs:
            with open(part, "rb") as source:
                shutil.copyfileobj(source, file)
    sockets = {name: listening(folder, name) for name in ("serial", "quit")}
    _keep(folder, image, sockets, lock, owner)
    for one in sockets.values():
        one.close()
    os.close(lock)
    # The emulator begins when the first client has come, so that the guest's first words are heard.
    with Talk(folder) as talk:
        said = talk.answer("hello", BOOT_SECONDS)
    os.unlink(whole)
    if said is None:
        end(folder)
        raise GuestError(f"the guest did not boot within {BOOT_SECONDS} s; {last_words(folder)}")
    with open(os.path.join(folder, "booted"), "w", encoding="ascii"):
        pass
    return said


def was_booted(folder):
    """Whether the last boot() in this folder came to its end; the guest may have ended since."""
    return os.path.exists(os.path.join(folder, "booted"))


def _emulator(folder, image, sockets):
    serial = sockets["serial"].fileno()
    argv = [EMULATOR, "-accel", accelerator(), *HARDWARE, "-kernel", image, "-initrd", "initramfs", "-append", KERNEL_LINE]
    argv += ["-serial", "file:console.log", "-chardev", f"socket,id=tests,fd={serial},server=on,wait=on", "-serial", "chardev:tests"]
    with open(os.path.join(folder, "emulator.log"), "wb") as log:
        keeper = os.getpid()

        def with_its_keeper():
            _libc.prctl(PR_SET_PDEATHSIG, ctypes.c_ulong(signal.SIGKILL), 0, 0, 0)
            if os.getppid() != keeper:
                os._exit(1)

        return subprocess.Popen(argv, cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log, pass_fds=[serial], preexec_fn=with_its_keeper)


def _keep(folder, image, sockets, lock, owner):
    """Forks the keeper: it starts the emulator and ends it when the owner has gone, or when somebody asks."""
    watched = os.pidfd_open(owner)
    if os.fork() != 0:
        os.close(watched)
        return
    try:
        os.setsid()
        for descriptor in (0, 1, 2):
            os.dup2(os.open(os.devnull, os.O_RDWR), descriptor)
        emulator = _emulator(folder, image, sockets)
        sockets["serial"].close()
        os.set_inheritable(lock, False)
        ended = os.pidfd_open(emulator.pid)
        readable = select.select([watched, ended, sockets["quit"]], [], [])[0]
        asker = sockets["quit"].accept()[0] if sockets["quit"] in readable else None
        emulator.kill()
        emulator.wait()
        if asker:
            asker.close()
    except OSError as error:
        with open(os.path.join(folder, "emulator.log"), "a", encoding="utf-8") as log:
            print(error, file=log)
    finally:
        os._exit(0)
