# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Names that `synfate probe` connects to are resolved as whom it asks for resolves them: by the hosts and the resolv.conf of that process's own
mount namespace, by name servers that are asked from its own network. A name that is not resolved is an answer.

  client eth0 ────── eth0 server
  10.75.1.2         10.75.1.3:80 listens, a name server on port 53
"""

import json
import os

import tool
from expect import check, expect
from probe import probe
from scenario import main
from topology import pair

# An /etc with these two files alone: a machine may have neither.
BIND = 'mount -t tmpfs lab /etc && cat "$1" >/etc/resolv.conf && cat "$2" >/etc/hosts && shift 2 && exec "$@"'


def build(lab, *names):
    pair(lab)
    for address in lab.both(1, 3):
        lab.listener("server", address, 80)
    return lab.helper("server", "name_server.py", lab.v4(1, 3), 53, *names)


def written(name, text):
    path = os.path.join("/run", name)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    return path


def process(lab, resolv_conf, hosts="127.0.0.1 localhost\n", number=0):
    """One in the client's network with files of its own."""
    files = written(f"resolv{number}", resolv_conf), written(f"hosts{number}", hosts)
    enter = ("unshare", "--mount", "--propagation", "private", "sh", "-c", BIND, "sh", *files)
    one = lab.agent("client", "listen", lab.v4(1, 2), 90 + number, 8, enter=enter)
    one.report()
    return f"pid:{one.tgid}"


def resolved(done):
    return [line["text"] for line in done.lines if line.get("code") == "name_resolved"]


def by_its_own_files(lab):
    """A search list, a hosts file that is asked first, and another process with other files in the same network."""
    build(lab, f"db.shop.svc.lab={lab.v4(1, 3)}", f"plain.lab={lab.v4(1, 3)}")
    who = process(lab, f"nameserver {lab.v4(1, 3)}\nsearch shop.svc.lab svc.lab\noptions ndots:5\n", f"{lab.v4(1, 3)} listed.lab listed # {lab.v4(1, 9)}\n")
    for name, words in (("db", f"by name server {lab.v4(1, 3)} as db.shop.svc.lab"), ("db.shop", "as db.shop.svc.lab"), ("plain.lab.", "as plain.lab"), ("LISTED", "hosts file")):
        done = probe(lab, who, f"{name}:80")
        expect({"fate": "established", "flow": {"dst": lab.v4(1, 3)}, "client": {"netns": lab.inode("client")}}, *done.attempts())
        check(done.status == 0 and len(resolved(done)) == 1 and words in resolved(done)[0], f"{name}: {done.status} {done.lines}")
        check("/etc/resolv.conf of process " + who[len("pid:") :] in resolved(done)[0], f"not said whose files: {resolved(done)}")
    other = process(lab, f"nameserver {lab.v4(1, 3)}\n", number=1)
    check(unresolved(lab, other, "db")[0].returncode == 14, "the files of another process were read")


def unresolved(lab, who, name):
    lab.flush()
    done = tool.once("probe", "--from", who, "--to", f"{name}:80", "--json", timeout=60)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    check([line["type"] for line in lines] == ["notice", "summary"] and lines[0]["code"] == "name_unresolved", f"{name}: {done.stdout}{done.stderr}")
    return done, lines[0]["text"]


def not_resolved(lab):
    """Who was asked, for which names, and what they said; nothing is connected to, and it is not an error of usage."""
    build(lab, "refused.lab=REFUSED", "failed.lab=FAILED", "empty.lab=EMPTY", "silent.lab=SILENT")
    server = lab.v4(1, 3)
    who = process(lab, f"nameserver {server}\nsearch shop.lab\noptions timeout:1 attempts:2\n")
    for name, words in (
        ("nobody", f"{server} says of nobody.shop.lab, nobody: no such name (NXDOMAIN)"),
        ("refused.lab", "of refused.lab: it refuses to answer (REFUSED)"),
        ("failed.lab", "of failed.lab: it failed (SERVFAIL)"),
        ("empty.lab", "of empty.lab: a name without an address (NODATA)"),
        ("silent.lab", "of silent.lab: no answer, asked 2 times"),
    ):
        done, text = unresolved(lab, who, name)
        check(done.returncode == 14 and words in text, f"{name}: exit status {done.returncode}: {text}")
        check(f"is not resolved in process {who[len('pid:') :]} (" in text and not done.stderr, f"not said where: {text} {done.stderr}")
    nobody = process(lab, f"nameserver {lab.v4(1, 2)}\n", number=1)
    done, text = unresolved(lab, nobody, "nobody.lab")
    check(done.returncode == 14 and "nobody listens on its port 53" in text, f"exit status {done.returncode}: {text}")
    plain = tool.once("probe", "--from", who, "--to", "nobody:80")
    check(plain.returncode == 14 and "nobody is not resolved in process" in plain.stdout, f"{plain.returncode} {plain.stdout}{plain.stderr}")


def both_families(lab):
    """Each address has its row; one that answers is enough."""
    build(lab, f"both.lab={lab.v4(1, 3)},{lab.v6(1, 3)}", f"half.lab={lab.v4(1, 3)},{lab.v6(9, 9)}", f"none.lab={lab.v4(8, 8)},{lab.v6(9, 9)}")
    who = process(lab, f"nameserver {lab.v4(1, 3)}\n")
    for name, fates, status in (("both.lab", ["established"] * 2, 0), ("half.lab", ["established", "refused"], 0), ("none.lab", ["refused"] * 2, 11)):
        done = probe(lab, who, f"{name}:80")
        rows = done.attempts()
        check(sorted(row["fate"] for row in rows) == fates and done.status == status, f"{name}: exit status {done.status}: {done.lines}")
        check({row["flow"]["family"] for row in rows} == {4, 6}, f"{name}: {done.lines}")


def long_answers(lab):
    """What does not fit a packet is asked for over TCP; that connection is none of the rows. The first eight addresses are tried."""
    many = ",".join(lab.v4(1, host) for host in range(3, 63))
    build(lab, f"many.lab={many}")
    lab.nft("client", f"table ip lab {{ chain output {{ type filter hook output priority 0; tcp dport 80 ip daddr != {lab.v4(1, 3)} reject with tcp reset; }}; }}")
    done = probe(lab, process(lab, f"nameserver {lab.v4(1, 3)}\n"), "many.lab:80")
    check(len(done.attempts()) == 8 and all(row["flow"]["dport"] == 80 for row in done.attempts()), f"{done.lines}")
    check("the first 8 are tried" in resolved(done)[0], f"{done.lines}")


def of_a_named_namespace(lab):
    """As `ip netns exec` does it; and a namespace that no process is in has the machine's own files."""
    build(lab, f"db.lab={lab.v4(1, 3)}")
    lab.netns("empty")
    lab.flush()
    # A copy, in the test's own mount namespace: the machine's files stay as they are.
    lab.command("cp", "-a", "/etc", "/run/etc")
    lab.command("mount", "--bind", "/run/etc", "/etc")
    try:
        os.makedirs("/etc/netns/client")
        with open("/etc/netns/client/resolv.conf", "w", encoding="ascii") as file:
            file.write(f"nameserver {lab.v4(1, 3)}\n")
        done = probe(lab, "netns:client", "db.lab:80")
    finally:
        lab.command("umount", "/etc")
    check(done.status == 0 and "/etc/netns/client/resolv.conf" in resolved(done)[0], f"{done.lines}")
    _, text = unresolved(lab, "netns:empty", "nobody.invalid.")
    check("/etc/resolv.conf of this machine" in text, text)


def hostile_files(lab):
    """Whoever owns a process owns its files: what leads out of its root, never ends or is no text at all resolves nothing and reads nothing."""
    build(lab)
    who = process(lab, "nameserver 300.1.1.1\nnameserver \x1b[31m\nsearch " + "x" * 5000 + "\n" + "options ndots:99999999999 timeout:0\n" * 2000, "\x00\xff" * 4000)
    done, text = unresolved(lab, who, "nobody.lab")
    check(done.returncode == 14 and "127.0.0.1 says of nobody.lab" in text and "\x1b" not in done.stdout, text)


if __name__ == "__main__":
    main(75, __doc__, by_its_own_files, not_resolved, both_families, long_answers, of_a_named_namespace, hostile_files)
