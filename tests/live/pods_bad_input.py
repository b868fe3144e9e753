# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What engines, CNI plugins and the kubelet keep of pods, damaged and forged: what is not believed names nobody and says why, everybody else keeps
their names, and nothing of it blocks synfate, makes it grow, or gets to a terminal.

  well (shop/well, all its files as they should be)      victim, and others (their files as each scenario has them)
"""

import json
import os
import resource
import select
import shutil
import subprocess
import tempfile

import made_pods
import tool
from damages import ALL, LONG, MARKER, NOT_A_FILE, NOT_WHOLE, emptied, put_right
from expect import check, contains, expect
from made_pods import Place, Waiting, forget_engines, join, write
from scenario import main

MOST_MEMORY_KB = 64 << 10
# No line is longer than what a reader can take, whatever a file says.
LONGEST_LINE = 8 << 10
FORGED = ("\x1b[31mred\x1b[0m", "two\nlines", "\x9b31m", "\u202egnol", "a" * (64 << 10), "../../etc", "UPPER/lower")


def run(*words):
    """synfate to its end: its stdout, as bytes. It must not wait for anything, nor take much memory."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        process = subprocess.Popen([tool.binary(), *words], stdin=subprocess.DEVNULL, stdout=out, stderr=err)
        pidfd = os.pidfd_open(process.pid)
        ended = select.select([pidfd], [], [], 20 * tool.PATIENCE)[0]
        os.close(pidfd)
        if not ended:
            process.kill()
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        err.seek(0)
        said, complaint = out.read(), err.read()
    check(ended, f"{words} still runs after 20 s")
    check(process.returncode == 0, f"{words}: exit status {process.returncode}: {complaint.decode(errors='replace')[-2000:]}")
    # What this process had when it made that one counts as well.
    check(used.ru_maxrss < MOST_MEMORY_KB, f"{words}: {used.ru_maxrss} KiB resident, this test itself {own_kb()} KiB")
    harmless(said + complaint)
    return said


def own_kb():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def harmless(said):
    text = said.decode()
    for line in text.split("\n"):
        bad = [char for char in line if ord(char) < 0x20 or 0x7F <= ord(char) < 0xA0 or char == "\u202e"]
        check(not bad, f"control characters {bad[:5]} in {line[:300]!r}")
        check(len(line) < LONGEST_LINE, f"a line of {len(line)} characters: {line[:300]!r}")
    check(MARKER not in text, f"it shows what lies outside: {text[:3000]}")


def listing():
    """What `pods --json` has of each namespace, and all gaps; `pods` is looked at beside it."""
    text = run("pods").decode()
    lines = [json.loads(line) for line in run("pods", "--json").splitlines()]
    gaps = lines[-1]["gaps"]
    check(all(gap["text"][:20] in text for gap in gaps), f"gaps of --json {gaps} are not in: {text}")
    return {line["netns"]: line for line in lines if line["type"] == "netns"}, gaps


def healthy(place, name="well"):
    well = place.pod(name)
    write(well.containerd, well.containerd_says())
    write(well.cni, well.cni_says())
    write(well.kubelet, well.kubelet_says())
    return well


def named(pod, found, **more):
    expect({"pod": {"namespace": "shop", "name": pod.name, "uid": pod.uid, **more}}, found[pod.netns])


def unnamed(pod, found):
    expect({"pod": None, "container": None}, found[pod.netns])


def gap_in(gaps, code, *words):
    check(any(gap["code"] == code and all(word in gap["text"] for word in words) for gap in gaps), f"no gap {code} with {words}: {gaps}")


def no_gap_in(gaps, code):
    check(not [gap for gap in gaps if gap["code"] == code], f"a gap where there is none: {gaps}")


def damaged(lab, file, code, damages, judge, prepare=lambda victim: None):
    """One file of a victim, damaged in each way; `judge` says what must be known of it then."""
    forget_engines()
    place = Place(lab)
    well, victim = healthy(place), place.pod("victim")
    prepare(victim)
    path, content = getattr(victim, file), getattr(victim, file + "_says")()
    for damage, reason in damages.items():
        put_right(path, content)
        found, gaps = listing()
        named(victim, found)
        no_gap_in(gaps, code)
        damage(path)
        found, gaps = listing()
        named(well, found, addresses=[well.address], doubt=None)
        judge(victim, found)
        gap_in(gaps, code, path, reason)


def containerd(lab):
    damaged(lab, "containerd", "containers_unreadable", ALL, unnamed)


def crio(lab):
    damaged(lab, "crio", "containers_unreadable", ALL, unnamed)


def docker(lab):
    damaged(lab, "docker", "containers_unreadable", ALL, unnamed)


def docker_settings(lab):
    """Which network it has is in another file: a pod is not guessed without it."""
    forget_engines()
    place = Place(lab)
    well, victim = healthy(place), place.pod("victim")
    write(victim.docker, victim.docker_says())
    path = os.path.join(os.path.dirname(victim.docker), "hostconfig.json")
    # Without a letter in it the file counts as not there, which it may be.
    for damage, reason in {**NOT_WHOLE, **NOT_A_FILE, **LONG}.items():
        if damage is emptied:
            continue
        put_right(path, {"NetworkMode": "none", "CgroupParent": "shop"})
        found, gaps = listing()
        named(victim, found, doubt=None)
        no_gap_in(gaps, "containers_unreadable")
        damage(path)
        found, gaps = listing()
        named(well, found, addresses=[well.address], doubt=None)
        unnamed(victim, found)
        gap_in(gaps, "containers_unreadable", os.path.dirname(path), reason)


def cni(lab):
    """The pod is known without it; what it alone says is not."""
    still = lambda victim, found: named(victim, found, addresses=[], doubt=None)  # noqa: E731
    damaged(lab, "cni", "cni_state_unreadable", ALL, still, lambda victim: write(victim.containerd, victim.containerd_says()))


def kubelet(lab):
    """Its name is in another place; no text of this file is believed."""
    still = lambda victim, found: named(victim, found, addresses=[], doubt=contains("cgroup only"))  # noqa: E731
    damaged(lab, "kubelet", "kubelet_state_unreadable", {**NOT_A_FILE, **LONG}, still, lambda victim: write(victim.kubelet_log, ""))


def long_but_true(lab):
    """What is passed over may be as deep as it likes."""
    forget_engines()
    place = Place(lab)
    victim = place.pod("victim")
    deep = json.dumps(victim.containerd_says())[:-1] + ',"hooks":' + "[" * 100_000 + "]" * 100_000 + "}"
    write(victim.containerd, deep)
    found, gaps = listing()
    named(victim, found, doubt=None)
    no_gap_in(gaps, "containers_unreadable")


def forged_names(lab):
    """A pod's name, namespace and the rest are such as there can be, or there are none: a victim for each of them."""
    forget_engines()
    place = Place(lab)
    well = healthy(place)
    annotations = [f"sandbox_{field}" for field in ("name", "namespace", "id", "uid")]
    results = ("containerId", "networkName", "ifName", "netns", "cniArgs")
    forgeries = []
    for field in (*annotations, "hostname", "path"):
        victim = place.pod(field.replace("_", "-"))
        options = {"hostname": "more", "path": "netns_path"}
        forge = lambda text, victim=victim, field=field: victim.containerd_says(  # noqa: E731
            **{options.get(field, field): {"hostname": text} if field == "hostname" else text}
        )
        forgeries.append((victim, victim.containerd, victim.containerd_says(), forge))
    for field in results:
        victim = place.pod(field.lower(), netns=f"cni-{field}")
        forge = lambda text, victim=victim, field=field: victim.cni_says(  # noqa: E731
            **{field: [["K8S_POD_NAMESPACE", "shop"], ["K8S_POD_NAME", text]] if field == "cniArgs" else text + "\n"}
        )
        forgeries.append((victim, victim.cni, victim.cni_says(), forge))
    victim = place.pod("docker")
    forgeries.append((victim, victim.docker, victim.docker_says(), lambda text: {**victim.docker_says(), "Name": "/" + text + "\n"}))
    for _, path, true, _ in forgeries:
        write(path, true)
    found, _ = listing()
    for victim, _, _, _ in forgeries:
        expect({"pod": {"namespace": "shop", "name": victim.name}}, found[victim.netns])
    for text in FORGED:
        for _, path, _, forge in forgeries:
            write(path, forge(text))
        found, gaps = listing()
        named(well, found, addresses=[well.address], doubt=None)
        for victim, _, _, _ in forgeries:
            unnamed(victim, found)
        for code, count, folder in (
            ("containers_unreadable", f"{len(annotations) + 2} containers", made_pods.TASKS),
            ("containers_unreadable", "1 container", made_pods.DOCKER),
            ("cni_state_unreadable", f"{len(results)} files", made_pods.RESULTS),
        ):
            gap_in(gaps, code, f"{count} below {folder}", "is not one that can be")


def forged_file_names(lab):
    """Whoever may write there may call a file as they like; what is in it may be true, or not."""
    forget_engines()
    place = Place(lab)
    well, log = healthy(place), Place(lab).pod("log")
    for number, name in enumerate((b"\x1b[2J\n", b"\xff\xfe", "\u009b\u202e".encode(), b"A" * 180)):
        true = place.pod(f"true-{number}", netns=f"cni-{number}")
        folder = os.path.dirname(true.cni).encode()
        write(os.path.join(folder, name + f"-{true.id}-eth0".encode()), true.cni_says())
        write(os.path.join(folder, name + b"-false"), "{" + MARKER)
        write(os.path.join(made_pods.LOGS.encode(), b"shop_" + name + f"_{log.uid}".encode(), b"0.log"), "")
        found, gaps = listing()
        named(well, found, addresses=[well.address], doubt=None)
        expect({"pod": {"name": true.name, "addresses": [true.address]}}, found[true.netns])
        unnamed(log, found)
        gap_in(gaps, "cni_state_unreadable", "not a whole JSON object")


def too_many(lab):
    """More than any node has: it says that it stopped reading, and who was asked for by name has one still."""
    forget_engines()
    well = healthy(Place(lab))
    for number in range(40):
        # As long as is read at most, and empty: all of them together are too long.
        path = f"{made_pods.TASKS}/{0xF00 + number:064x}/config.json"
        write(path, "")
        os.truncate(path, 4 << 20)
    found, gaps = listing()
    named(well, found, addresses=[well.address], doubt=None)
    gap_in(gaps, "containers_unreadable", f"40 containers below {made_pods.TASKS}")
    for number in range(8200):
        os.mkdir(f"{made_pods.TASKS}/{0xF0000 + number:064x}")
        write(f"{made_pods.RESULTS}/bench-{0xF0000 + number:064x}-eth0", "{}")
    found, gaps = listing()
    named(well, found, addresses=[], doubt=None)
    gap_in(gaps, "containers_unreadable", made_pods.TASKS, "8192")
    gap_in(gaps, "cni_state_unreadable", made_pods.RESULTS, "8192")


def namespaces_of_others(lab):
    """A file that leads to another namespace than its processes are in is of no pod here, and takes nobody's name away."""
    forget_engines()
    place = Place(lab)
    well, victim = healthy(place), place.pod("victim")
    write("/run/outside/file", MARKER)
    os.symlink("/proc/1/ns/net", "/run/outside/link")
    elsewhere = (f"/run/netns/{well.netns_name}", f"/run/netns/../netns/{well.netns_name}", "/run/outside/file", "/run/netns")
    nowhere = ("/run/netns/nothing", "/run/outside/link", "/proc/1/ns/net", "/proc/self/ns/net", "/run/outside/file/below")
    for path in elsewhere:
        write(victim.containerd, victim.containerd_says(netns_path=path))
        found, _ = listing()
        named(well, found, addresses=[well.address], doubt=None)
        unnamed(victim, found)
    for path in nowhere:
        write(victim.containerd, victim.containerd_says(netns_path=path))
        found, _ = listing()
        named(well, found, addresses=[well.address], doubt=None)
        named(victim, found, doubt=contains("cgroup only"))


def results_of_others(lab):
    """A CNI result that calls a pod otherwise gives it nothing but a doubt; one that leads to somebody else's namespace names nobody there."""
    forget_engines()
    place = Place(lab)
    well, victim = healthy(place), place.pod("victim")
    write(victim.containerd, victim.containerd_says())
    write(victim.cni, victim.cni_says(cniArgs=[["K8S_POD_NAMESPACE", "shop"], ["K8S_POD_NAME", "other"]]))
    found, _ = listing()
    named(well, found, addresses=[well.address], doubt=None)
    named(victim, found, addresses=[], doubt=contains("shop/other"))
    stranger = place.pod("stranger", netns="cni-stranger")
    for path in (f"/run/netns/{well.netns_name}", "/proc/self/ns/net", "/run/outside", "/run/netns/nothing"):
        write(stranger.cni, stranger.cni_says(netns=path))
        found, _ = listing()
        named(well, found, addresses=[well.address], doubt=None)
        unnamed(stranger, found)


def inside_a_node(lab):
    """Paths and links of a node container lead where they lead inside, wherever they would lead outside."""
    forget_engines()
    machine, root = Place(lab), "/run/node-root"
    os.makedirs(root, exist_ok=True)
    made_pods.mount_empty(root)
    node_id = f"{0xA0DE:064x}"
    lab.netns("node")
    process = Waiting(lab.path("node"), root)
    lab.others.append(process)
    labels = {"io.x-k8s.kind.cluster": "lab", "io.x-k8s.kind.role": "worker"}
    config = {"ID": node_id, "Name": "/lab-worker", "State": {"Running": True, "Pid": process.pid}, "Config": {"Labels": labels, "Hostname": "lab-worker"}}
    write(f"{made_pods.DOCKER}/{node_id}/config.v2.json", config)
    join(lab.cgroup(f"docker/{node_id}"), process.pid)
    node = Place(lab, root, f"docker/{node_id}/")
    os.makedirs(root + "/proc")
    subprocess.run(["mount", "--bind", "/proc", root + "/proc"], check=True)
    well, victim, outer = node.pod("well-inside"), node.pod("victim"), healthy(machine)
    write(well.containerd, well.containerd_says())
    write(victim.containerd, "")
    folder = os.path.dirname(victim.containerd)
    shutil.rmtree(folder)
    # What it would be called by the machine's file, or by one that is reached through another process.
    write("/run/outside/config.json", victim.containerd_says(sandbox_name=MARKER))
    depth = "../" * 20
    for target in ("/run/outside", depth + "run/outside", f"/proc/{os.getpid()}/root/run/outside", "/proc/self/root/run/outside", "/proc/1/cwd/run/outside"):
        os.symlink(target, folder)
        found, _ = listing()
        expect({"node": "lab-worker", "node_container": {"cluster": "lab"}}, found[lab.inode("node")])
        expect({"node": "lab-worker", "pod": {"name": "well-inside", "uid": well.uid}}, found[well.netns])
        expect({"node": None, "pod": {"name": "well", "doubt": None}}, found[outer.netns])
        unnamed(victim, found)
        os.remove(folder)
    # The same place inside is the node's own.
    write(root + "/run/outside/config.json", victim.containerd_says())
    os.symlink("/run/outside", folder)
    found, _ = listing()
    # Its namespace has a name on the machine and none inside: nothing there leads to it.
    expect({"node": "lab-worker", "pod": {"name": "victim", "doubt": contains("cgroup only")}}, found[victim.netns])


def records_of_another(lab):
    """A record of another pod, and one that names another's namespace: neither names anybody, and why not is said."""
    forget_engines()
    place = Place(lab)
    well, victim = healthy(place), place.pod("victim")
    write(victim.containerd, victim.containerd_says(sandbox_name="well", sandbox_uid=well.uid))
    found, gaps = listing()
    named(well, found)
    unnamed(victim, found)
    gap_in(gaps, "pod_disputed", str(victim.netns), victim.containerd, victim.uid, well.uid)
    write(victim.containerd, victim.containerd_says(netns_path=f"/run/netns/{well.netns_name}"))
    found, gaps = listing()
    named(well, found)
    unnamed(victim, found)
    gap_in(gaps, "pod_disputed", str(victim.netns), victim.containerd, "another namespace")


def while_tracing(lab):
    """All of it at once, beside a trace: rows of the victims say no name, the others' do."""
    forget_engines()
    place = Place(lab)
    well = healthy(place)
    victims = []
    for damage in ALL:
        victim = place.pod(damage.__name__.replace("_", "-"))
        for file in ("containerd", "cni"):
            write(getattr(victim, file), getattr(victim, file + "_says")())
            damage(getattr(victim, file))
        victims.append(victim)
    forged = place.pod("forged")
    write(forged.containerd, forged.containerd_says(sandbox_name="\x1b[31m" + MARKER))
    victims.append(forged)
    range_of_all = f"{lab.v4(1, 0)}/24"
    synfate = lab.synfate("trace", "--host", range_of_all)
    for pod in (well, *victims):
        lab.connect(pod.netns_name, pod.address, 81)
    synfate.expect_attempt({"client": {"netns": well.netns}}, {"fate": "refused", "client": {"pod": "shop/well"}, "server": {"pod": "shop/well"}})
    for victim in victims:
        synfate.expect_attempt({"client": {"netns": victim.netns}}, {"fate": "refused", "client": {"pod": None}, "server": {"pod": None}})
    with open(f"/proc/{synfate.process.pid}/status", encoding="ascii") as status:
        peak = next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))
    check(peak < 2 * MOST_MEMORY_KB, f"{peak} KiB resident")
    done = synfate.stop()
    harmless("\n".join(synfate.text).encode())
    harmless(done.stderr.encode())
    gap_in(done.summary["gaps"], "cni_state_unreadable", "not a whole JSON object")
    gap_in(done.summary["gaps"], "containers_unreadable")
    text = lab.synfate("trace", "--host", range_of_all, "--count", 2, json_lines=False)
    for pod in (forged, well):
        lab.connect(pod.netns_name, pod.address, 81)
    done = text.finish()
    check(any("shop/well" in line for line in text.text), f"no row of shop/well: {text.text}")
    harmless("\n".join(text.text).encode())
    harmless(done.stderr.encode())


if __name__ == "__main__":
    main(
        67,
        __doc__,
        containerd,
        crio,
        docker,
        docker_settings,
        cni,
        kubelet,
        long_but_true,
        forged_names,
        forged_file_names,
        too_many,
        namespaces_of_others,
        results_of_others,
        inside_a_node,
        records_of_another,
        while_tracing,
    )
