# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""kube-proxy's rules for a service, as iptables-restore takes them. It runs nothing."""

import base64
import hashlib


def chain(*words):
    """kube-proxy's names of chains: pkg/proxy/iptables/proxier.go, servicePortChainName and servicePortEndpointChainName."""
    return base64.b32encode(hashlib.sha256("".join(words).encode()).digest()).decode()[:16]


def service(full, address, port, target):
    """`full`: "shop/web:http". All of table nat is what this says."""
    svc, sep = chain(full, "tcp"), chain(full, "tcp", target)
    return f"""*nat
:KUBE-SERVICES - [0:0]
:KUBE-SVC-{svc} - [0:0]
:KUBE-SEP-{sep} - [0:0]
-A PREROUTING -m comment --comment "kubernetes service portals" -j KUBE-SERVICES
-A KUBE-SERVICES -d {address}/32 -p tcp -m comment --comment "{full} cluster IP" -m tcp --dport {port} -j KUBE-SVC-{svc}
-A KUBE-SVC-{svc} -m comment --comment "{full} -> {target}" -j KUBE-SEP-{sep}
-A KUBE-SEP-{sep} -p tcp -m comment --comment "{full}" -m tcp -j DNAT --to-destination {target}
COMMIT
"""
