# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A virtual service of ipvs without a server behind it: ipvs answers with an ICMP error and drops the SYN.

  client eth0 ────── toclient router
  10.55.1.2         10.55.1.1, and 10.55.9.9:80, a service of ipvs without destinations
"""

import ipaddress
import socket
import struct

from expect import check
from guests import only_in_a_guest
from scenario import main
from topology import routed
from usual import SURE, by_entry, dies

IP_VS_SO_SET_ADD = 1152 + 2

# What a process inside the router's namespace does: ipvsadm -A -t ADDRESS:80 -s rr, without ipvsadm.
ADD = """
import socket, sys
socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW).setsockopt(socket.IPPROTO_IP, int(sys.argv[1]), bytes.fromhex(sys.argv[2]))
"""


def no_destination(lab):
    only_in_a_guest("it loads a module, ip_vs")
    lab.command("modprobe", "-a", "ip_vs", "ip_vs_rr")
    routed(lab, server=False)
    service = lab.v4(9, 9)
    lab.ip("router", f"addr add {service}/32 dev lo")
    address = ipaddress.ip_address(service).packed
    # protocol, address, port, mark, scheduler, flags, timeout, netmask
    words = struct.pack("=H2x4s2s2xI16sII4s", socket.IPPROTO_TCP, address, struct.pack("!H", 80), 0, b"rr", 0, 0, b"\xff" * 4)
    lab.run("router", "python3", "-c", ADD, str(IP_VS_SO_SET_ADD), words.hex())
    where = {"netns": lab.inode("router"), "stage": "input", "function": "nf_hook_slow", "reason": "NETFILTER_DROP"}
    expected = {"fate": "refused", "packet": "syn", "confidence": SURE, **by_entry("ipvs", where, "netfilter_reject")}
    row = dies(lab, "client", service, 80, expected)[0]
    entry = [text for text in row["evidence"] if text.startswith("entry ")]
    check(row["cause"] != "ipvs" or (len(entry) == 1 and "ip_vs_" in entry[0]), f"evidence: {row['evidence']}")


if __name__ == "__main__":
    main(55, __doc__, no_destination)
