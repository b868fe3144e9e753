// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Handshake packets at the devices of a scope, by programs that are attached to these and to no others: what passes elsewhere runs none of
 * them. They change no packet and decide about none: whatever else is attached there is asked after them, and knows them by their names. */
#include "handshake.h"

/* TCX_NEXT, include/uapi/linux/bpf.h, 6.6: the next program is asked. */
#define ASK_THE_NEXT (-1)

/* 6.2, fd264ca02094 "bpf: Add a kfunc to type cast from bpf uapi ctx to kernel ctx". */
extern void *bpf_cast_to_kern_ctx(void *context) __ksym __weak;

/* Is there nothing between here and the driver: no queue, and nothing else of tc that may send the packet elsewhere? */
static __always_inline bool goes_straight_to_driver(__u64 device)
{
	__u64 programs, entry;

	if (READ(struct net_device, device, qdisc, enqueue))
		return false;
	programs = READ_ADDRESS(struct net_device, device, tcx_egress, parent);
	/* Detached at this moment. */
	if (!programs)
		return false;
	entry = programs - bpf_core_field_offset(struct tcx_entry, bundle);
	return READ(struct bpf_mprog_bundle, programs, count) == 1 && !READ(struct tcx_entry, entry, miniq);
}

SEC("tc")
int synfate_egress(struct __sk_buff *context)
{
	struct sk_buff *skb = bpf_cast_to_kern_ctx(context);
	struct packet packet = {};
	__u64 device;

	if (!armed || everywhere || !is_ip(skb) || !read_ip(&packet, skb, transmit_offset(skb)))
		return ASK_THE_NEXT;
	device = READ_ADDRESS(struct sk_buff, skb, dev);
	on_handshake(&packet, skb, device, READ(struct net_device, device, ifindex),
		     goes_straight_to_driver(device) ? WIRE_PACKET_XMIT : WIRE_PACKET_QUEUE);
	return ASK_THE_NEXT;
}

/* Here data is at the link header, and the network header is set. */
SEC("tc")
int synfate_ingress(struct __sk_buff *context)
{
	struct sk_buff *skb = bpf_cast_to_kern_ctx(context);
	struct packet packet = {};
	__u64 device;

	if (!armed || everywhere || !is_ip(skb) || !read_ip(&packet, skb, skb->network_header))
		return ASK_THE_NEXT;
	device = READ_ADDRESS(struct sk_buff, skb, dev);
	on_handshake(&packet, skb, device, READ(struct net_device, device, ifindex), WIRE_PACKET_RECEIVE);
	return ASK_THE_NEXT;
}
