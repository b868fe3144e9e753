// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Handshake packets at devices: every veth, bridge port and NIC of every namespace, with no attachment to any of them. */
#include "emit.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

static __always_inline void append_hop(struct flight *attempt, const struct packet *packet, __u64 device, __u32 ifindex, __u32 event,
				       __u32 face, __u64 now)
{
	__u32 index = __sync_fetch_and_add(&attempt->hop_count, 1);
	struct flight_hop *hop;

	if (index >= WIRE_MAX_HOPS) {
		attempt->hops_lost++;
		count(WIRE_COUNT_HOPS_LOST);
		return;
	}
	hop = &attempt->hops[index];
	hop->ts_ns = now;
	hop->device = device;
	hop->ifindex = ifindex;
	hop->tag = (__u32)attempt->id;
	hop->event = event;
	hop->leg = packet->leg;
	hop->face = face;
	hop->icmp = packet->icmp_type << 4 | (packet->icmp_code > 15 ? 15 : packet->icmp_code);
}

static __always_inline void stream_hop(struct flight *attempt, const struct packet *packet, __u64 device, __u32 event, bool local_client,
				       __u64 now)
{
	struct wire_packet *record = RESERVE(struct wire_packet, WIRE_KIND_PACKET, now);

	if (!record)
		return;
	fill_subject(&record->subject, attempt, packet);
	fill_place(&record->subject.place, device);
	record->subject.local_client = local_client;
	record->event = event;
	record->icmp_type = packet->icmp_type;
	record->icmp_code = packet->icmp_code;
	bpf_ringbuf_submit(record, 0);
}

/* What this hop says about the attempt as a whole. Returns whether it is a sign of trouble. */
static __always_inline bool note_progress(struct flight *attempt, const struct packet *packet, __u64 device, __u32 ifindex, __u32 event)
{
	const struct flight_hop *first = &attempt->hops[0];

	switch (packet->leg) {
	case WIRE_LEG_SYN:
		attempt->far_device = device;
		attempt->far_ifindex = ifindex;
		attempt->far_event = event;
		/* At its first point again, or again without one: a retransmit. */
		if (attempt->hop_count && (first->event != event || first->device != device))
			return false;
		attempt->syns++;
		return attempt->syns > 1;
	case WIRE_LEG_SYNACK:
		attempt->server_isn = packet->server_isn;
		attempt->synacks++;
		return false;
	case WIRE_LEG_ACK:
		/* Only who has the SYN-ACK can acknowledge it. It may have taken another way: behind a load balancer with direct return,
		 * the answers never pass the node that the SYNs pass. */
		if (!attempt->server_isn)
			attempt->server_isn = packet->server_isn;
		if (attempt->server_isn == packet->server_isn)
			__sync_fetch_and_or(&attempt->flags, WIRE_ATTEMPT_PASSED);
		return false;
	}
	return true;
}

/* Has the final ACK left where the SYN had left? Then this machine sees no more of the handshake. */
static __always_inline bool has_passed(const struct flight *attempt, const struct packet *packet, __u64 device, __u32 event)
{
	return packet->leg == WIRE_LEG_ACK && event == WIRE_PACKET_XMIT && attempt->far_event == WIRE_PACKET_XMIT &&
	       (attempt->flags & WIRE_ATTEMPT_PASSED) && device == attempt->far_device;
}

/* A half-open check, as load balancers make them: its client resets it once it is answered, and got what it wanted. */
static __always_inline bool is_half_open_check(const struct flight *attempt, const struct packet *packet, __u32 face)
{
	return packet->leg == WIRE_LEG_CLIENT_RESET && face < WIRE_MAX_FACES && !(attempt->flags & WIRE_ATTEMPT_LOCAL_CLIENT) &&
	       attempt->server_isn && !streamed(attempt);
}

/* The whole of what happens to a handshake packet at a device. `event` is a constant. */
static __always_inline void on_handshake(struct packet *packet, struct sk_buff *skb, __u64 device, __u32 ifindex, __u32 event, __u32 slot)
{
	__u32 face = 0, salt = 0, origin_netns = 0;
	struct flight *attempt;
	struct sock *sk = 0;
	bool trouble;
	__u64 maker, now = bpf_ktime_get_ns();

	count(WIRE_COUNT_EVENTS);
	if (packet->leg == WIRE_LEG_SYN && event == WIRE_PACKET_XMIT) {
		maker = pointer_of(skb, sk);
		/* Whatever kind of socket made it, and however many devices it has passed: it keeps its socket until a namespace receives
		 * it. */
		if (maker)
			origin_netns = socket_netns((struct sock *)maker);
		sk = connecting_socket(maker);
	}
	packet->device = device;
	packet->event = event;
	attempt = find_attempt(packet, origin_netns, &face, &salt);
	if (!attempt) {
		if (packet->leg != WIRE_LEG_SYN)
			return;
		attempt =
			open_attempt(packet, sk, origin_netns ? origin_netns : device_netns((struct net_device *)device), salt, slot, now);
		if (!attempt)
			return;
		face = attempt->face_count - 1;
	}
	if (is_half_open_check(attempt, packet, face)) {
		close_attempt(attempt, packet->isn);
		return;
	}
	if (face >= WIRE_MAX_FACES && packet->leg == WIRE_LEG_SYN && attempt->face_count < WIRE_MAX_FACES) {
		face = attempt->face_count;
		attempt->faces[face & (WIRE_MAX_FACES - 1)] = packet->flow;
		attempt->face_count = face + 1;
		attempt->scope |= scope_of_flow(&packet->flow);
	}
	if (cfg.required_scope & (SCOPE_NETNS | SCOPE_NAMED))
		attempt->scope |= scope_of_netns(device_netns((struct net_device *)device));
	/* NAT rewrites a SYN in place; an answer to it, made while it is still held, must not take its place. */
	if (packet->leg == WIRE_LEG_SYN)
		attempt->syn_skb = packet->skb;
	attempt->last_skb = packet->skb;
	attempt->last_ns = now;
	trouble = note_progress(attempt, packet, device, ifindex, event);
	if (streamed(attempt)) {
		stream_hop(attempt, packet, device, event, sk != 0, now);
	} else {
		append_hop(attempt, packet, device, ifindex, event, face, now);
		if (trouble || cfg.stream_all)
			submit(attempt, now);
	}
	if (has_passed(attempt, packet, device, event)) {
		if (streamed(attempt))
			emit_socket(attempt, packet, 0, device_netns((struct net_device *)device), WIRE_SOCKET_PASSED, 0, 0, 0, false, now);
		complete_attempt(attempt, packet->isn);
	}
}

SEC("tp_btf/net_dev_start_xmit")
int BPF_PROG(on_net_dev_start_xmit, struct sk_buff *skb, struct net_device *dev)
{
	struct packet packet = {};

	if (armed && is_ip(skb) && read_ip(&packet, skb, transmit_offset(skb)))
		on_handshake(&packet, skb, as_number(dev), dev->ifindex, WIRE_PACKET_XMIT, SCRATCH_XMIT);
	return 0;
}

SEC("tp_btf/netif_receive_skb")
int BPF_PROG(on_netif_receive_skb, struct sk_buff *skb)
{
	struct packet packet = {};
	struct net_device *dev;

	if (!armed || !is_ip(skb) || !read_ip(&packet, skb, receive_offset(skb)))
		return 0;
	dev = (struct net_device *)pointer_of(skb, dev);
	on_handshake(&packet, skb, (__u64)dev, BPF_CORE_READ(dev, ifindex), WIRE_PACKET_RECEIVE, SCRATCH_RECEIVE);
	return 0;
}

/* Attached only where every event is wanted: what enters a CPU's backlog comes out as netif_receive_skb or is freed as a drop. */
SEC("tp_btf/netif_rx")
int BPF_PROG(on_netif_rx, struct sk_buff *skb)
{
	struct packet packet = {};
	struct flight *attempt;
	__u32 face = 0, salt = 0;

	if (!armed || !is_ip(skb) || !read_ip(&packet, skb, receive_offset(skb)))
		return 0;
	attempt = find_attempt(&packet, 0, &face, &salt);
	if (!attempt || !streamed(attempt))
		return 0;
	stream_hop(attempt, &packet, pointer_of(skb, dev), WIRE_PACKET_ENQUEUE, false, bpf_ktime_get_ns());
	return 0;
}
