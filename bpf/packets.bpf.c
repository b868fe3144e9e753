// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Handshake packets at devices: every veth, bridge port and NIC of every namespace, with no attachment to any of them. */
#include "emit.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

static __always_inline void append_hop(struct wire_attempt *attempt, const struct packet *packet, const struct wire_place *place,
				       __u32 event, __u32 face, __u64 now)
{
	__u32 index = __sync_fetch_and_add(&attempt->hop_count, 1);
	struct wire_hop *hop;

	if (index >= WIRE_MAX_HOPS) {
		attempt->hops_lost++;
		count(WIRE_COUNT_HOPS_LOST);
		return;
	}
	hop = &attempt->hops[index];
	hop->ts_ns = now;
	hop->tag = (__u32)attempt->id;
	hop->event = event;
	hop->leg = packet->leg;
	hop->face = face;
	hop->icmp = packet->icmp_type << 4 | (packet->icmp_code > 15 ? 15 : packet->icmp_code);
	hop->place = *place;
}

static __always_inline void stream_hop(struct wire_attempt *attempt, const struct packet *packet, const struct wire_place *place,
				       __u32 event, bool local_client, __u64 now)
{
	struct wire_packet *record = RESERVE(struct wire_packet, WIRE_KIND_PACKET, now);

	if (!record)
		return;
	fill_subject(&record->subject, attempt, packet);
	record->subject.place = *place;
	record->subject.local_client = local_client;
	record->event = event;
	record->icmp_type = packet->icmp_type;
	record->icmp_code = packet->icmp_code;
	bpf_ringbuf_submit(record, 0);
}

/* What this hop says about the attempt as a whole. Returns whether it is a sign of trouble. */
static __always_inline bool note_progress(struct wire_attempt *attempt, const struct packet *packet, const struct wire_place *place,
					  __u32 event)
{
	const struct wire_hop *first = &attempt->hops[0];

	switch (packet->leg) {
	case WIRE_LEG_SYN:
		attempt->far_netns = place->netns;
		attempt->far_ifindex = place->ifindex;
		attempt->far_event = event;
		if (attempt->hop_count == 0) {
			attempt->syns++;
			return attempt->syns > 1;
		}
		if (first->event == event && first->place.netns == place->netns && first->place.ifindex == place->ifindex) {
			attempt->syns++;
			return true;
		}
		return false;
	case WIRE_LEG_SYNACK:
		attempt->server_isn = packet->server_isn;
		attempt->synacks++;
		return false;
	case WIRE_LEG_ACK:
		return false;
	}
	return true;
}

/* Has the final ACK left where the SYN had left? Then this machine sees no more of the handshake. */
static __always_inline bool has_passed(const struct wire_attempt *attempt, const struct packet *packet, const struct wire_place *place,
				       __u32 event)
{
	return packet->leg == WIRE_LEG_ACK && event == WIRE_PACKET_XMIT && attempt->far_event == WIRE_PACKET_XMIT &&
	       attempt->server_isn != 0 && attempt->server_isn == packet->server_isn && place->netns == attempt->far_netns &&
	       place->ifindex == attempt->far_ifindex;
}

/* `out` is the device that transmits; a received packet knows its own. */
static __always_inline void on_packet(struct sk_buff *skb, const struct net_device *out, __u32 offset, __u32 event, __u32 slot)
{
	struct packet packet = {};
	struct wire_attempt *attempt;
	struct wire_place place;
	struct sock *sk = 0;
	__u32 face = 0, salt = 0, origin_netns = 0;
	bool was_streamed, trouble;
	__u64 now;

	if (!armed || !is_ip(skb) || !read_ip(&packet, skb, offset))
		return;
	now = bpf_ktime_get_ns();
	count(WIRE_COUNT_EVENTS);
	fill_place(&place, out ? as_number(out) : pointer_of(skb, dev));
	if (packet.leg == WIRE_LEG_SYN && event == WIRE_PACKET_XMIT) {
		sk = connecting_socket(skb);
		if (sk)
			origin_netns = socket_netns(sk);
	}
	attempt = find_attempt(&packet, origin_netns, &face, &salt);
	if (!attempt) {
		if (packet.leg != WIRE_LEG_SYN)
			return;
		attempt = open_attempt(&packet, sk, place.netns, salt, slot, now);
		if (!attempt)
			return;
		face = attempt->face_count - 1;
	}
	if (packet.leg == WIRE_LEG_CLIENT_RESET && face < WIRE_MAX_FACES && !(attempt->flags & WIRE_ATTEMPT_LOCAL_CLIENT) &&
	    attempt->server_isn && !streamed(attempt)) {
		/* A half-open check, as load balancers make them: it ended as its client wanted. */
		close_attempt(attempt);
		return;
	}
	if (face >= WIRE_MAX_FACES && packet.leg == WIRE_LEG_SYN && attempt->face_count < WIRE_MAX_FACES) {
		face = attempt->face_count;
		attempt->faces[face & (WIRE_MAX_FACES - 1)] = packet.flow;
		attempt->face_count = face + 1;
		attempt->scope |= scope_of_flow(&packet.flow);
	}
	attempt->scope |= scope_of_netns(place.netns);
	attempt->last_skb = packet.skb;
	attempt->last_ns = now;
	trouble = note_progress(attempt, &packet, &place, event);
	was_streamed = streamed(attempt);
	if (was_streamed) {
		stream_hop(attempt, &packet, &place, event, sk != 0, now);
	} else {
		append_hop(attempt, &packet, &place, event, face, now);
		if (trouble || cfg.stream_all)
			submit(attempt, now);
	}
	if (has_passed(attempt, &packet, &place, event)) {
		if (streamed(attempt))
			emit_socket(attempt, &packet, 0, place.netns, WIRE_SOCKET_PASSED, 0, 0, 0, false, now);
		complete_attempt(attempt);
	}
}

SEC("tp_btf/net_dev_start_xmit")
int BPF_PROG(on_net_dev_start_xmit, struct sk_buff *skb, struct net_device *dev)
{
	on_packet(skb, dev, transmit_offset(skb), WIRE_PACKET_XMIT, SCRATCH_XMIT);
	return 0;
}

SEC("tp_btf/netif_receive_skb")
int BPF_PROG(on_netif_receive_skb, struct sk_buff *skb)
{
	on_packet(skb, 0, receive_offset(skb), WIRE_PACKET_RECEIVE, SCRATCH_RECEIVE);
	return 0;
}

/* Attached only where every event is wanted: what enters a CPU's backlog comes out as netif_receive_skb or is freed as a drop. */
SEC("tp_btf/netif_rx")
int BPF_PROG(on_netif_rx, struct sk_buff *skb)
{
	struct packet packet = {};
	struct wire_attempt *attempt;
	struct wire_place place;
	__u32 face = 0, salt = 0;

	if (!armed || !is_ip(skb) || !read_ip(&packet, skb, receive_offset(skb)))
		return 0;
	attempt = find_attempt(&packet, 0, &face, &salt);
	if (!attempt || !streamed(attempt))
		return 0;
	fill_place(&place, pointer_of(skb, dev));
	stream_hop(attempt, &packet, &place, WIRE_PACKET_ENQUEUE, false, bpf_ktime_get_ns());
	return 0;
}
