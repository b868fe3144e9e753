# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A bridge whose ports forward, and a setting keeps this packet out: isolated or locked ports, no flooding, VLANs.

  client eth0 ────── toclient br0 toserver ────── eth0 server
  10.89.1.2                  node                 10.89.1.3
"""

from expect import contains
from lab import LabError, Skip
from guests import IN_GUEST
from scenario import main
from topology import bridged
from usual import SURE, dies, says


def kept_out(lab, *words, command, confidence="strong"):
    return {
        "fate": "dropped",
        "cause": "bridge_filter",
        "packet": "syn",
        "where": {"netns": lab.inode("node"), "device": "toclient", "stage": "bridge"},
        "confidence": confidence,
        "evidence": says(*words),
        "next": contains(command),
    }


def port(lab, name, *settings):
    lab.run("node", "bridge", "link", "set", "dev", name, *settings)


def isolated(lab):
    bridged(lab)
    for name in ("toclient", "toserver"):
        port(lab, name, "isolated", "on")
    expected = kept_out(lab, "both toclient and toserver are set isolated", command="bridge -d link show dev toclient")
    dies(lab, "client", lab.v4(1, 3), 80, expected)


def isolated_ipv6(lab):
    bridged(lab)
    for name in ("toclient", "toserver"):
        port(lab, name, "isolated", "on")
    expected = kept_out(lab, "both toclient and toserver are set isolated", command="bridge -d link show dev toclient")
    dies(lab, "client", lab.v6(1, 3), 80, expected)


def forget(lab, netns):
    """The bridge shall not know that namespace's address, nor learn it again."""
    port(lab, f"to{netns}", "learning", "off")
    lab.command("nsenter", "--net=" + lab.path("node"), "bridge", "fdb", "del", lab.mac(netns, "eth0"), "dev", f"to{netns}", "master", check=False)


def locked(lab):
    bridged(lab)
    forget(lab, "client")
    port(lab, "toclient", "locked", "on")
    expected = kept_out(lab, "toclient is set locked", lab.mac("client", "eth0"), command="bridge fdb show brport toclient")
    dies(lab, "client", lab.v4(1, 3), 80, expected)


def not_flooded(lab):
    bridged(lab)
    forget(lab, "server")
    port(lab, "toserver", "flood", "off")
    expected = kept_out(lab, "bridge br0 has no entry for " + lab.mac("server", "eth0"), command="bridge fdb show br br0")
    dies(lab, "client", lab.v4(1, 3), 80, expected)


def filtering(lab):
    bridged(lab)
    try:
        lab.ip("node", "link set br0 type bridge vlan_filtering 1")
    except LabError as error:
        if IN_GUEST:
            raise
        raise Skip(f"this kernel's bridges have no VLANs: {error}") from error


def vlan_in(lab):
    filtering(lab)
    lab.run("node", "bridge", "vlan", "del", "dev", "toclient", "vid", "1")
    expected = kept_out(
        lab, "VLANs of toclient: none", "no VLAN of it is its PVID", command="bridge vlan show dev toclient", confidence=SURE
    )
    dies(lab, "client", lab.v4(1, 3), 80, expected)


def vlan_out(lab):
    filtering(lab)
    lab.run("node", "bridge", "vlan", "del", "dev", "toserver", "vid", "1")
    lab.run("node", "bridge", "vlan", "add", "dev", "toserver", "vid", "10-12")
    lab.run("node", "bridge", "fdb", "replace", lab.mac("server", "eth0"), "dev", "toserver", "master", "static", "vlan", "10")
    expected = kept_out(
        lab,
        "what comes in by toclient without a tag is in VLAN 1",
        "10-12",
        command="bridge vlan show dev toserver",
        confidence="partial",
    )
    dies(lab, "client", lab.v4(1, 3), 80, expected)


if __name__ == "__main__":
    main(89, __doc__, isolated, isolated_ipv6, locked, not_flooded, vlan_in, vlan_out)
