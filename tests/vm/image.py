# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What a guest boots from: the programs of this machine with their libraries, the modules of one kernel, and synfate with its tests.

The first two are kept in build/vm until something in them changes; nothing is compressed, for unpacking costs an emulated machine more than reading."""

import hashlib
import os
import re
import shutil
import subprocess

import archive

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
# The distribution's own, whatever runs this: its library is in one place that we know.
PYTHON = "/usr/bin/python3"
SEARCHED = "/usr/sbin:/usr/bin:/sbin:/bin"

UNUSED_PYTHON = re.compile(r"(test|idlelib|lib2to3|ensurepip|tkinter|turtledemo|pydoc_data|distutils|venv|dist-packages|site-packages|config-.*)(/.*)?"
                           r"|(.*/)?(__pycache__|tests?)")
# Plugins and tables that programs load by name, so that ldd does not know of them.
PLUGINS = ["/usr/lib/{multiarch}/xtables", "/usr/lib/xtables", "/usr/lib/tc", "/etc/iproute2", "/usr/share/iproute2", "/usr/lib/locale/C.utf8"]
TABLES = ["/etc/protocols", "/etc/services", "/etc/ethertypes"]

MODULES = re.compile(r"kernel/(net|lib|crypto|arch/x86/crypto|drivers/virtio|fs/overlayfs)/.*"
                     r"|kernel/drivers/net/((bonding|vxlan|ipvlan|wireguard)/.*|(dummy|geneve|ifb|macvlan|macvtap|netkit|tap|tun|veth|virtio_net|vrf)\.ko.*)")


class ImageError(Exception):
    """Something that the image needs is not on this machine; the text says what to do."""


def output(*argv):
    return subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, universal_newlines=True, check=False).stdout


def libraries(*paths):
    """The files that the loader would map for these programs and libraries, under the names that it looks for."""
    return sorted(set(re.findall(r"^\s*(?:\S+ => )?(/\S+) \(0x", output("ldd", *paths), re.M)))


def add_program(box, path):
    """A program under its own name; one that is a link to a program of many names becomes a link there too."""
    real = os.path.realpath(path)
    name, target = archive.merged(path), archive.merged(real)
    box.file(target, real)
    if name != target:
        box.link(name, target)


def add_libraries(box, *paths):
    for library in libraries(*paths):
        box.file(archive.merged(library), os.path.realpath(library))


def wanted_programs(text):
    """[(program, package, or None for one that may be missing)]"""
    found = []
    for line in text.splitlines():
        words = line.split("#", 1)[0].split()
        found += [(program, None if words[0] == "if-there" else words[0]) for program in words[1:]]
    return found


def add_programs(box):
    with open(os.path.join(HERE, "programs.txt"), encoding="utf-8") as file:
        wanted = wanted_programs(file.read())
    paths = {program: shutil.which(program, path=SEARCHED) for program, _ in wanted}
    missing = [f"{program} (package {package})" for program, package in wanted if package and not paths[program]]
    if missing:
        raise ImageError("the guests need what is not installed here: " + ", ".join(missing))
    for path in filter(None, paths.values()):
        add_program(box, path)
    add_libraries(box, *filter(None, paths.values()))


def add_python(box, work):
    """The interpreter's library, compiled: every test starts it a dozen times, and an emulated machine compiles slowly."""
    ask = "import sys, sysconfig; print(sysconfig.get_path('stdlib'), sysconfig.get_config_var('MULTIARCH'), '%d.%d.%d' % sys.version_info[:3])"
    library, multiarch, version = output(PYTHON, "-I", "-c", ask).split()
    copy = os.path.join(work, "python-" + version)
    if not os.path.isdir(copy):
        shutil.rmtree(copy + ".new", ignore_errors=True)

        def ignore(at, names):
            return [name for name in names if UNUSED_PYTHON.fullmatch(os.path.normpath(os.path.join(os.path.relpath(at, library), name)))]

        shutil.copytree(library, copy + ".new", ignore=ignore)
        compile_python(copy + ".new", library)
        os.rename(copy + ".new", copy)
    box.tree(library, copy)
    dynamic = os.path.join(library, "lib-dynload")
    add_libraries(box, *[os.path.join(dynamic, name) for name in os.listdir(dynamic)])
    return multiarch


def compile_python(folder, name):
    """Compiled files that are taken without a look at the sources' times: an initramfs has none. `name`: where the folder will be."""
    argv = [PYTHON, "-I", "-m", "compileall", "-q", "-f", "--invalidation-mode", "unchecked-hash", "-s", folder, "-p", name, folder]
    subprocess.run(argv, check=True, stdin=subprocess.DEVNULL)


def base(work):
    """The archive of programs, as a path."""
    box = archive.Archive()
    for path in ("/proc", "/sys", "/dev", "/run", "/tmp", "/var/tmp", "/mnt", "/etc", "/usr/lib64"):
        box.folder(path)
    for name in ("bin", "sbin", "lib", "lib64"):
        box.link("/" + name, "usr/" + name)
    add_programs(box)
    multiarch = add_python(box, work)
    for plugin in (path.format(multiarch=multiarch) for path in PLUGINS):
        if os.path.isdir(plugin):
            box.tree(plugin, plugin)
            add_libraries(box, *[os.path.join(at, name) for at, _, names in os.walk(plugin) for name in names if name.endswith(".so")])
    for table in filter(os.path.isfile, TABLES):
        box.file(table, table)
    # The threads library loads it when a thread ends.
    unwinder = f"/usr/lib/{multiarch}/libgcc_s.so.1"
    box.file(unwinder, os.path.realpath(unwinder if os.path.exists(unwinder) else unwinder[len("/usr"):]))
    box.text("/etc/passwd", "root:x:0:0:root:/:/bin/bash\nnobody:x:65534:65534:nobody:/:/bin/false\n")
    box.text("/etc/group", "root:x:0:\nnogroup:x:65534:\n")
    box.text("/etc/hosts", "127.0.0.1 localhost\n::1 localhost\n")
    return kept(box, os.path.join(work, "base.cpio"))


def modules(work, kernel):
    """The archive of one kernel's modules, as a path."""
    box = archive.Archive()
    with open(os.path.join(kernel.modules, "modules.dep"), encoding="ascii") as file:
        needs = {name: rest.split() for name, _, rest in (line.partition(":") for line in file)}
    wanted = {name for name in needs if MODULES.fullmatch(name)}
    wanted |= {need for name in wanted for need in needs[name]}
    if len(wanted) < 100:
        raise ImageError(f"{kernel.modules} has only {len(wanted)} of the modules that labs need")
    top = os.path.join("/usr/lib/modules", kernel.release)
    for name in sorted(wanted) + sorted(name for name in os.listdir(kernel.modules) if name.startswith("modules.")):
        box.file(os.path.join(top, name), os.path.join(kernel.modules, name))
    return kept(box, os.path.join(work, f"modules-{kernel.release}.cpio"))


def kept(box, path):
    """Writes the archive unless the file already has it."""
    mark = hashlib.sha256(box.fingerprint().encode()).hexdigest()
    try:
        with open(path + ".sha256", encoding="ascii") as file:
            if file.read() == mark and os.path.exists(path):
                return path
    except FileNotFoundError:
        pass
    with open(path + ".new", "wb") as file:
        box.write(file)
    os.rename(path + ".new", path)
    with open(path + ".sha256", "w", encoding="ascii") as file:
        file.write(mark)
    return path


def tests(work, synfate, build_tests):
    """The archive of synfate and its tests, as a path. In the guest a small checkout lies in /synfate, with build/ as here."""
    box = archive.Archive()
    stripped = os.path.join(work, "stripped")
    os.makedirs(stripped, exist_ok=True)

    def add_built(path, built):
        small = os.path.join(stripped, os.path.basename(built))
        subprocess.run(["strip", "--strip-debug", "-o", small, built], check=True, stdin=subprocess.DEVNULL)
        box.file(path, small)
        add_libraries(box, built)

    add_built("/synfate/build/synfate", synfate)
    for folder in ("bpf", "live", "vm"):
        copy = os.path.join(work, "tests", folder)
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(os.path.join(ROOT, "tests", folder), copy, ignore=shutil.ignore_patterns("__pycache__"))
        compile_python(copy, f"/synfate/tests/{folder}")
        box.tree(f"/synfate/tests/{folder}", copy)
        built = os.path.join(build_tests, folder)
        for name in sorted(os.listdir(built)) if folder != "vm" else []:
            path = os.path.join(built, name)
            if name.endswith(".bpf.o"):
                box.file(f"/synfate/build/tests/{folder}/{name}", path)
            elif os.path.isfile(path) and os.access(path, os.X_OK):
                add_built(f"/synfate/build/tests/{folder}/{name}", path)
    with open(os.path.join(HERE, "init.bash"), encoding="utf-8") as file:
        box.text("/init", file.read(), 0o755)
    with open(os.path.join(work, "tests.cpio"), "wb") as file:
        box.write(file)
    return file.name
