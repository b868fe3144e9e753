# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""After SIGKILL nothing of synfate is left: its BPF programs go with its descriptors, nothing is pinned, no rule and no process stays.
It counts the machine's programs, so no other test may run at the same time.

  client eth0 ────── eth0 server
  10.31.1.2         10.31.1.3 nobody listens
"""

import os
import subprocess

import tool
from expect import check
from scenario import main
from topology import pair


def programs():
    listed = subprocess.run(["bpftool", "prog", "list"], capture_output=True, text=True, check=True).stdout
    return {line.split(":")[0] for line in listed.splitlines() if line[:1].isdigit()}


def configuration(lab):
    """What a lab's namespaces are set to, as far as synfate could have changed it."""
    rules = {name: lab.run(name, "nft", "list", "ruleset") for name in lab.inodes}
    qdiscs = {name: lab.run(name, "tc", "qdisc", "show") for name in lab.inodes}
    pinned = [os.path.join(at, name) for at, _, names in os.walk("/sys/fs/bpf") for name in names]
    return rules, qdiscs, pinned


def while_tracing(lab):
    pair(lab)
    before, set_before = programs(), configuration(lab)
    synfate = lab.synfate("trace", "--netns", lab.inode("client"))
    loaded = programs() - before
    check(loaded, "no BPF program was loaded, so this shows nothing")
    check(configuration(lab) == set_before, f"a passive trace changed the node: {configuration(lab)}, before {set_before}")
    lab.connect("client", lab.v4(1, 3), 80, 2)
    synfate.wait_attempt({"fate": "refused"})
    synfate.kill()
    # The kernel frees programs some time after the last descriptor is closed.
    deadline = tool.Deadline(10)
    while programs() & loaded and not deadline.passed():
        pass
    check(not programs() & loaded, f"BPF programs left: {programs() & loaded}")
    check(configuration(lab) == set_before, f"left behind: {configuration(lab)}, before {set_before}")


if __name__ == "__main__":
    main(31, __doc__, while_tracing)
