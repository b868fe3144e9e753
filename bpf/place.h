/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Namespaces, devices and sockets as wire values. */
#ifndef SYNFATE_BPF_PLACE_H
#define SYNFATE_BPF_PLACE_H

#include "parse.h"

#define KIND8(a, b, c, d, e, f, g, h)                                                                                                      \
	((__u64)(a) | (__u64)(b) << 8 | (__u64)(c) << 16 | (__u64)(d) << 24 | (__u64)(e) << 32 | (__u64)(f) << 40 | (__u64)(g) << 48 |     \
	 (__u64)(h) << 56)

/* rtnl_link_ops.kind, its first seven bytes, zero filled. */
static __always_inline __u32 kind_number(__u64 kind)
{
	switch (kind) {
	case KIND8('v', 'e', 't', 'h', 0, 0, 0, 0):
		return WIRE_DEVICE_VETH;
	case KIND8('b', 'r', 'i', 'd', 'g', 'e', 0, 0):
		return WIRE_DEVICE_BRIDGE;
	case KIND8('t', 'u', 'n', 0, 0, 0, 0, 0):
		return WIRE_DEVICE_TUN;
	case KIND8('v', 'x', 'l', 'a', 'n', 0, 0, 0):
		return WIRE_DEVICE_VXLAN;
	case KIND8('g', 'e', 'n', 'e', 'v', 'e', 0, 0):
		return WIRE_DEVICE_GENEVE;
	case KIND8('i', 'p', 'i', 'p', 0, 0, 0, 0):
		return WIRE_DEVICE_IPIP;
	case KIND8('g', 'r', 'e', 0, 0, 0, 0, 0):
		return WIRE_DEVICE_GRE;
	case KIND8('w', 'i', 'r', 'e', 'g', 'u', 'a', 0):
		return WIRE_DEVICE_WIREGUARD;
	case KIND8('v', 'l', 'a', 'n', 0, 0, 0, 0):
		return WIRE_DEVICE_VLAN;
	case KIND8('m', 'a', 'c', 'v', 'l', 'a', 'n', 0):
		return WIRE_DEVICE_MACVLAN;
	case KIND8('i', 'p', 'v', 'l', 'a', 'n', 0, 0):
		return WIRE_DEVICE_IPVLAN;
	case KIND8('d', 'u', 'm', 'm', 'y', 0, 0, 0):
		return WIRE_DEVICE_DUMMY;
	case KIND8('i', 'f', 'b', 0, 0, 0, 0, 0):
		return WIRE_DEVICE_IFB;
	case KIND8('v', 'r', 'f', 0, 0, 0, 0, 0):
		return WIRE_DEVICE_VRF;
	case KIND8('b', 'o', 'n', 'd', 0, 0, 0, 0):
		return WIRE_DEVICE_BOND;
	case KIND8('n', 'e', 't', 'k', 'i', 't', 0, 0):
		return WIRE_DEVICE_NETKIT;
	}
	return WIRE_DEVICE_UNKNOWN;
}

SUBPROGRAM int device_kind_at(__u64 device)
{
	const struct net_device *dev = (const struct net_device *)device;
	__u64 kind = 0;
	const char *name;

	if (READ(struct net_device, dev, flags) & 0x8 /* IFF_LOOPBACK */)
		return WIRE_DEVICE_LOOPBACK;
	name = READ(struct net_device, dev, rtnl_link_ops, kind);
	/* The string reader keeps the last byte for a NUL, so longer names arrive cut to seven bytes. */
	if (name && bpf_probe_read_kernel_str(&kind, sizeof(kind), name) > 0)
		return kind_number(kind);
	if (READ(struct net_device, dev, dev.parent))
		return WIRE_DEVICE_PHYSICAL;
	return WIRE_DEVICE_UNKNOWN;
}

static __always_inline __u32 device_netns(const struct net_device *dev)
{
	return READ(struct net_device, dev, nd_net.net, ns.inum);
}

/* `device` is the address of a struct net_device. */
static __always_inline void fill_place(struct wire_place *place, __u64 device)
{
	const struct net_device *dev = (const struct net_device *)device;

	place->netns = device_netns(dev);
	place->ifindex = READ(struct net_device, dev, ifindex);
	place->device_kind = device_kind_at(device);
	place->_pad = 0;
	bpf_probe_read_kernel_str(place->device, sizeof(place->device), &dev->name);
}

static __always_inline __u32 socket_netns(const struct sock *sk)
{
	return READ(struct sock, sk, __sk_common.skc_net.net, ns.inum);
}

/* Of a typed pointer: the loads are the program's own. */
static __always_inline bool is_tcp_socket(const struct sock *sk)
{
	__u16 family = sk->__sk_common.skc_family;

	return (family == 2 || family == 10) && sk->sk_protocol == PROTOCOL_TCP;
}

/* The front of a struct sock_common, with all that IPv4 needs; the same bytes in 5.15 to 6.18, each found by its own offset. */
#define COMMON_FRONT_BYTES 24
#define FRONT(front, type, field) (*(type *)((front) + bpf_core_field_offset(struct sock_common, field)))

/* The flow from the common part of a socket or request: local end first, so in SYN direction for a client. An IPv6 socket that speaks
 * IPv4 has a mapped address; its packets are IPv4. Returns 0 when there is no remote end. */
SUBPROGRAM int common_flow_at(struct wire_flow *flow, __u64 common_address)
{
	const struct sock_common *common = (const struct sock_common *)common_address;
	__u8 front[COMMON_FRONT_BYTES] __attribute__((aligned(8)));

	if (!flow)
		return 0;
	__builtin_memset(flow, 0, sizeof(*flow));
	if (has_cast && READ(struct sock_common, common, skc_family) == 2) {
		flow->family = 4;
		flow->sport = READ(struct sock_common, common, skc_num);
		flow->dport = bpf_ntohs(READ(struct sock_common, common, skc_dport));
		*(__be32 *)flow->saddr = READ(struct sock_common, common, skc_rcv_saddr);
		*(__be32 *)flow->daddr = READ(struct sock_common, common, skc_daddr);
		return flow->dport != 0;
	}
	if (bpf_probe_read_kernel(front, sizeof(front), common))
		return 0;
	flow->sport = FRONT(front, __u16, skc_num);
	flow->dport = bpf_ntohs(FRONT(front, __be16, skc_dport));
	if (FRONT(front, __u16, skc_family) == 10) {
		struct in6_addr local, remote;

		BPF_CORE_READ_INTO(&local, common, skc_v6_rcv_saddr);
		BPF_CORE_READ_INTO(&remote, common, skc_v6_daddr);
		if (remote.in6_u.u6_addr32[0] == 0 && remote.in6_u.u6_addr32[1] == 0 && remote.in6_u.u6_addr32[2] == bpf_htonl(0xffff)) {
			flow->family = 4;
			*(__be32 *)flow->saddr = local.in6_u.u6_addr32[3];
			*(__be32 *)flow->daddr = remote.in6_u.u6_addr32[3];
			return flow->dport != 0;
		}
		flow->family = 6;
		__builtin_memcpy(flow->saddr, &local, 16);
		__builtin_memcpy(flow->daddr, &remote, 16);
		return flow->dport != 0;
	}
	flow->family = 4;
	*(__be32 *)flow->saddr = FRONT(front, __be32, skc_rcv_saddr);
	*(__be32 *)flow->daddr = FRONT(front, __be32, skc_daddr);
	return flow->dport != 0;
}

/* Of a socket or a request: both begin with their common part. */
static __always_inline int common_flow(struct wire_flow *flow, const void *socket)
{
	return common_flow_at(flow, as_number(socket));
}

/* The ISN of a client socket. From tcp_connect_init() on and until the SYN is acknowledged, snd_una is the ISN; then it is ahead by what
 * was acknowledged, the SYN itself and, with TCP Fast Open, its data: bytes_acked counts both. */
static __always_inline __u32 client_isn(const struct sock *sk, bool acknowledged)
{
	__u32 una = READ(struct tcp_sock, sk, snd_una);

	return acknowledged ? una - (__u32)READ(struct tcp_sock, sk, bytes_acked) : una;
}

#endif
