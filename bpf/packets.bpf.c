// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Handshake packets at devices: every veth, bridge port and NIC of every namespace, with no attachment to any of them. */
#include "handshake.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

SEC("tp_btf/net_dev_start_xmit")
int BPF_PROG(on_net_dev_start_xmit, struct sk_buff *skb, struct net_device *dev)
{
	struct packet packet = {};

	if (armed && is_ip(skb) && read_ip(&packet, skb, transmit_offset(skb)))
		on_handshake(&packet, skb, as_number(dev), dev->ifindex, WIRE_PACKET_XMIT);
	return 0;
}

SEC("tp_btf/netif_receive_skb")
int BPF_PROG(on_netif_receive_skb, struct sk_buff *skb)
{
	struct packet packet = {};
	struct net_device *dev;

	if (!armed || !is_ip(skb) || !read_ip(&packet, skb, receive_offset(skb)))
		return 0;
	dev = (struct net_device *)READ_ADDRESS(struct sk_buff, skb, dev);
	on_handshake(&packet, skb, (__u64)dev, READ(struct net_device, dev, ifindex), WIRE_PACKET_RECEIVE);
	return 0;
}

/* Attached only where every event is wanted: what enters a CPU's backlog comes out as netif_receive_skb or is freed as a drop. */
SEC("tp_btf/netif_rx")
int BPF_PROG(on_netif_rx, struct sk_buff *skb)
{
	struct packet packet = {};
	struct flight *attempt;
	__u32 face = 0;

	if (!armed || !is_ip(skb) || !read_ip(&packet, skb, receive_offset(skb)))
		return 0;
	attempt = find_attempt(&packet, 0, &face);
	if (!attempt || !streamed(attempt))
		return 0;
	stream_hop(attempt, &packet, READ_ADDRESS(struct sk_buff, skb, dev), WIRE_PACKET_ENQUEUE, false, bpf_ktime_get_ns());
	return 0;
}
