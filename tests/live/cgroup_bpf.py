# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A BPF program of a cgroup drops the SYN: on its way out of the client's cgroup, or on its way into the listener's.

  client eth0 ────── eth0 server
  10.119.1.2           10.119.1.3:80 listens
  cgroup: egress ✗    cgroup: ingress ✗
"""

from expect import any_of, check, contains, satisfies
from scenario import main
from topology import pair
from usual import SURE, dies, has_receiver


def refused(lab, netns, stage, reason):
    return {
        "fate": "dropped",
        "cause": "cgroup_bpf",
        "packet": "syn",
        "where": {"netns": lab.inode(netns), "stage": stage, "reason": reason},
        "confidence": SURE,
        "next": satisfies("the program", lambda text: text.startswith("bpftool prog show id ")),
    }


def named(row, cgroup, holder):
    evidence = " ".join(row["evidence"])
    check("BPF program say_no (id " in evidence, f"the program is not named: {evidence}")
    check(f"python3[{holder.tgid}]" in evidence, f"its holder is not named: {evidence}")
    check(cgroup.split("/")[-2] + "/" + cgroup.split("/")[-1] in evidence, f"its cgroup is not named: {evidence}")


def served_in(lab, count):
    pair(lab)
    cgroup = lab.cgroup("server")
    lab.helper("server", "strict_server.py", lab.v4(1, 3), 80, "cgroup", cgroup)
    return cgroup, lab.helper("server", "bpf_holder.py", cgroup, "ingress", count)


def ingress(lab):
    cgroup, holder = served_in(lab, 1)
    expected = refused(lab, "server", "socket", "SOCKET_FILTER")
    if not has_receiver():
        # That kernel does not tell which socket it was for, and gives a filter of it the same reason.
        expected = {**expected, "cause": "socket_filter", "confidence": "partial", "next": contains("ss ")}
    row = dies(lab, "client", lab.v4(1, 3), 80, expected)[0]
    if has_receiver():
        named(row, cgroup, holder)


def several(lab):
    """Which of two it was is not told, and both are."""
    served_in(lab, 2)
    expected = refused(lab, "server", "socket", "SOCKET_FILTER")
    expected = {**expected, "cause": any_of("cgroup_bpf", "socket_filter"), "confidence": "partial", "next": contains("")}
    row = dies(lab, "client", lab.v4(1, 3), 80, expected)[0]
    if has_receiver():
        check(" ".join(row["evidence"]).count("BPF program say_no") == 2, f"not both are listed: {row['evidence']}")


def egress(lab):
    pair(lab)
    lab.listener("server", lab.v6(1, 3), 80)
    cgroup = lab.cgroup("client")
    holder = lab.helper("client", "bpf_holder.py", cgroup, "egress")
    synfate = lab.synfate("trace", "--host", lab.v6(1, 3))
    client = lab.agent("client", "connect", lab.v6(1, 3), 80, 0.3, 0, "", enter=("sh", "-c", f'echo 0 > {cgroup}/cgroup.procs && exec "$@"', "sh"))
    # Of the socket's own cgroup the kernel tells nothing there: it is the process's.
    row = synfate.wait_attempt({**refused(lab, "client", "local_out", "BPF_CGROUP_EGRESS"), "confidence": "partial"})
    client.report()
    synfate.stop()
    named(row, cgroup, holder)


if __name__ == "__main__":
    main(119, __doc__, ingress, several, egress)
