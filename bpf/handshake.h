/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What becomes of a handshake packet at a device: whose attempt it is, and what it says about it. Not where programs are attached to see
 * it: each of them hands over a packet that it has read. */
#ifndef SYNFATE_BPF_HANDSHAKE_H
#define SYNFATE_BPF_HANDSHAKE_H

#include "emit.h"
#include "heading.h"

static __always_inline void append_hop(struct flight *attempt, const struct packet *packet, __u64 device, __u32 ifindex, __u32 event,
				       __u32 face, __u64 now)
{
	__u32 index = __sync_fetch_and_add(&attempt->hop_count, 1);
	struct flight_hop *hop;

	if (index >= WIRE_MAX_HOPS) {
		attempt->hops_lost++;
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

/* On its way out of a device, to its driver or first to its queue. */
static __always_inline bool is_leaving(__u32 event)
{
	return event == WIRE_PACKET_XMIT || event == WIRE_PACKET_QUEUE;
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

/* Where only some devices are observed, the last of them that a packet was seen at need not be the last of this machine. */
static __always_inline bool leads_off_this_node(__u64 device)
{
	switch (device_kind_at(device)) {
	case WIRE_DEVICE_PHYSICAL:
	case WIRE_DEVICE_TUN:
	case WIRE_DEVICE_VXLAN:
	case WIRE_DEVICE_GENEVE:
	case WIRE_DEVICE_IPIP:
	case WIRE_DEVICE_GRE:
	case WIRE_DEVICE_WIREGUARD:
		return true;
	}
	return false;
}

/* Has the final ACK left where the SYN had left? Then this machine sees no more of the handshake. */
static __always_inline bool has_passed(const struct flight *attempt, const struct packet *packet, __u64 device, __u32 event)
{
	return packet->leg == WIRE_LEG_ACK && is_leaving(event) && is_leaving(attempt->far_event) &&
	       (attempt->flags & WIRE_ATTEMPT_PASSED) && device == attempt->far_device && (!cfg.scoped || leads_off_this_node(device));
}

/* A half-open check, as load balancers make them: its client resets it once it is answered, and got what it wanted. */
static __always_inline bool is_half_open_check(const struct flight *attempt, const struct packet *packet, __u32 face)
{
	return packet->leg == WIRE_LEG_CLIENT_RESET && face < WIRE_MAX_FACES && !(attempt->flags & WIRE_ATTEMPT_LOCAL_CLIENT) &&
	       attempt->server_isn && !streamed(attempt);
}

/* Addresses are told of again after that time: another pod may have got one of them. */
#define HEADED_AGAIN_NS 30000000000ull

static __always_inline bool is_news(__u8 family, const __u8 *address, __u64 now)
{
	struct scope_name name = {.family = family};
	__u64 *told;

	__builtin_memcpy(name.value, address, sizeof(name.value));
	told = bpf_map_lookup_elem(&headed, &name);
	if (told && now - *told < HEADED_AGAIN_NS)
		return false;
	bpf_map_update_elem(&headed, &name, &now, BPF_ANY);
	return true;
}

/* Healthy attempts are told of by nothing else. */
static __always_inline void tell_heading(const struct packet *packet, __u64 device, __u32 ifindex, __u64 now)
{
	struct heading *record;
	bool source = is_news(packet->flow.family, packet->flow.saddr, now);
	bool destination = is_news(packet->flow.family, packet->flow.daddr, now);

	if (!source && !destination)
		return;
	record = RESERVE(struct heading, WIRE_KIND_HEADING, now);
	if (!record)
		return;
	record->flow = packet->flow;
	record->netns = device_netns((struct net_device *)device);
	record->ifindex = ifindex;
	bpf_ringbuf_submit(record, 0);
}

/* The whole of what happens to a handshake packet at a device. `event` is a constant where it can be. */
static __always_inline void on_handshake(struct packet *packet, struct sk_buff *skb, __u64 device, __u32 ifindex, __u32 event)
{
	__u32 face = 0, origin_netns = 0;
	struct flight *attempt;
	struct sock *sk = 0;
	bool trouble;
	__u64 maker, now = bpf_ktime_get_ns();

	count(WIRE_COUNT_EVENTS);
	if (packet->leg == WIRE_LEG_SYN && is_leaving(event)) {
		maker = READ_ADDRESS(struct sk_buff, skb, sk);
		/* Whatever kind of socket made it, and however many devices it has passed: it keeps its socket until a namespace receives
		 * it. */
		if (maker)
			origin_netns = socket_netns((struct sock *)maker);
		sk = connecting_socket(maker);
		packet->from_client = sk != 0;
	}
	packet->device = device;
	packet->event = event;
	attempt = find_attempt(packet, origin_netns, &face);
	if (!attempt) {
		if (packet->leg != WIRE_LEG_SYN)
			return;
		attempt = open_attempt(packet, sk, origin_netns ? origin_netns : device_netns((struct net_device *)device), now);
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
	if (cfg.scoped && packet->leg == WIRE_LEG_SYN) {
		if (sk)
			adopt(attempt, packet, (__u64)sk);
		if (in_scope(attempt->scope))
			tell_heading(packet, device, ifindex, now);
	}
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
			submit_end(attempt, now, packet->leg == WIRE_LEG_RESET ? CROWD_RESET : CROWD_NOTHING, 0);
	}
	if (has_passed(attempt, packet, device, event)) {
		if (streamed(attempt))
			emit_socket(attempt, packet, 0, device_netns((struct net_device *)device), WIRE_SOCKET_PASSED, 0, 0, 0, false, now);
		complete_attempt(attempt, packet->isn);
	}
}

#endif
