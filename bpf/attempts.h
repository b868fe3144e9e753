/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The flight recorder: finds or opens the record that a packet belongs to, appends to it, submits it, closes it. */
#ifndef SYNFATE_BPF_ATTEMPTS_H
#define SYNFATE_BPF_ATTEMPTS_H

#include "scope.h"

/* Several attempts may carry one ISN: scanners and raw senders use constants. The fifth and later ones go untracked, and are counted. */
#define MAX_SALTS 4

static __always_inline bool same_flow(const struct wire_flow *a, const struct wire_flow *b)
{
	const __u64 *x = (const __u64 *)a, *y = (const __u64 *)b;

	return x[0] == y[0] && x[1] == y[1] && x[2] == y[2] && x[3] == y[3] && x[4] == y[4];
}

static __always_inline bool same_end(const __u8 *a, __u16 a_port, const __u8 *b, __u16 b_port)
{
	const __u64 *x = (const __u64 *)a, *y = (const __u64 *)b;

	return a_port == b_port && x[0] == y[0] && x[1] == y[1];
}

/* Index of the face that equals this flow, or WIRE_MAX_FACES. */
static __always_inline __u32 find_face(const struct flight *attempt, const struct wire_flow *flow)
{
	for (__u32 i = 0; i < WIRE_MAX_FACES; i++) {
		if (i >= attempt->face_count)
			break;
		if (same_flow(&attempt->faces[i], flow))
			return i;
	}
	return WIRE_MAX_FACES;
}

/* Does an answer in this flow come from, or go to, an end that the attempt has shown? An answer whose other end was translated on its
 * way is still an answer to it. */
static __always_inline bool shares_an_end(const struct flight *attempt, const struct wire_flow *flow)
{
	for (__u32 i = 0; i < WIRE_MAX_FACES; i++) {
		const struct wire_flow *face = &attempt->faces[i];

		if (i >= attempt->face_count)
			break;
		if (same_end(face->saddr, face->sport, flow->saddr, flow->sport) ||
		    same_end(face->daddr, face->dport, flow->daddr, flow->dport))
			return true;
	}
	return false;
}

static __always_inline bool is_open(const struct flight *attempt)
{
	return !(attempt->flags & WIRE_ATTEMPT_DEAD);
}

/* Is this a packet that enters where the attempt's first SYN did? */
static __always_inline bool comes_in_afresh(const struct flight *attempt, const struct packet *packet)
{
	return packet->event && attempt->hop_count && attempt->hops[0].event == packet->event && attempt->hops[0].device == packet->device;
}

/* Is it the very sk_buff that was seen last? An answer, made while a SYN is still held, does not take the SYN's place. */
static __always_inline bool is_last_seen(const struct flight *attempt, const struct packet *packet)
{
	return packet->skb && packet->skb == (packet->leg == WIRE_LEG_SYN ? attempt->syn_skb : attempt->last_skb);
}

/* Is this packet of that attempt? Its flow is known there, or it is the very sk_buff that was seen last (NAT rewrites in place), or it
 * answers one of its ends. `origin_netns` is set for packets that are made here: two namespaces may use the same addresses. Returns
 * the face, WIRE_MAX_FACES if the flow is none of them, -1 if the packet is another attempt's. */
SUBPROGRAM int face_if_belongs(const struct flight *attempt, const struct packet *packet, __u32 origin_netns)
{
	__u32 face;

	if (!attempt || !packet || !is_open(attempt))
		return -1;
	if (origin_netns && packet->leg == WIRE_LEG_SYN && attempt->netns != origin_netns)
		return -1;
	face = find_face(attempt, &packet->flow);
	if (face < WIRE_MAX_FACES)
		return face;
	/* A sender that uses one ISN for all its flows may get the memory that its last packet had: NAT rewrites a SYN on its way only. */
	if (is_last_seen(attempt, packet) && !comes_in_afresh(attempt, packet))
		return WIRE_MAX_FACES;
	/* The ISN of a socket of this machine is nobody else's: a SYN that was translated, and waited while its retransmit came by. */
	if (packet->leg == WIRE_LEG_SYN && !(attempt->flags & WIRE_ATTEMPT_LOCAL_CLIENT))
		return -1;
	return shares_an_end(attempt, &packet->flow) ? WIRE_MAX_FACES : -1;
}

/* The attempts with one ISN may have one flow as well, each in namespaces of its own. Which of those is a packet's? The one whose very
 * sk_buff it is, else the one whose SYN had come to where it is now. More is more alike. */
SUBPROGRAM int likeness(const struct flight *attempt, const struct packet *packet)
{
	__u32 netns;

	if (!attempt || !packet)
		return 0;
	if (is_last_seen(attempt, packet))
		return 3;
	netns = packet->netns;
	if (!netns && packet->device)
		netns = device_netns((struct net_device *)packet->device);
	if (!netns)
		return 1;
	if (!attempt->far_device)
		return netns == attempt->netns ? 2 : 1;
	return netns == device_netns((struct net_device *)attempt->far_device) ? 2 : 1;
}

/* The packet's record among several. */
static __always_inline struct flight *find_sibling(struct flight *first, const struct packet *packet, __u32 origin_netns, __u32 *face,
						   __u32 *free_salt)
{
	struct attempt_key key = {.isn = packet->isn};
	struct flight *attempt = first, *best = 0;
	int found, liked, like = 0;

	*free_salt = MAX_SALTS;
	for (__u32 salt = 0; salt < MAX_SALTS; salt++) {
		if (salt) {
			key.salt = salt;
			attempt = bpf_map_lookup_elem(&attempts, &key);
		}
		if (!attempt) {
			if (*free_salt == MAX_SALTS)
				*free_salt = salt;
			continue;
		}
		found = face_if_belongs(attempt, packet, origin_netns);
		if (found < 0)
			continue;
		/* A flow that the attempt has shown says more than an address in memory. */
		liked = likeness(attempt, packet) + (found < WIRE_MAX_FACES ? 4 : 0);
		if (liked > like) {
			like = liked;
			*face = found;
			best = attempt;
		}
	}
	return best;
}

/* The packet's record, or nothing. *free_salt is where a new one would go, MAX_SALTS if nowhere. */
static __always_inline struct flight *find_attempt(const struct packet *packet, __u32 origin_netns, __u32 *face, __u32 *free_salt)
{
	struct attempt_key key = {.isn = packet->isn, .salt = 0};
	struct flight *first = bpf_map_lookup_elem(&attempts, &key);
	int found;

	*free_salt = 0;
	if (!first)
		return 0;
	if (first->flags & WIRE_ATTEMPT_HAS_SIBLING)
		return find_sibling(first, packet, origin_netns, face, free_salt);
	*free_salt = 1;
	found = face_if_belongs(first, packet, origin_netns);
	if (found < 0)
		return 0;
	*face = found;
	return first;
}

static __always_inline void mark_sibling(__u32 isn)
{
	struct attempt_key key = {.isn = isn, .salt = 0};
	struct flight *first = bpf_map_lookup_elem(&attempts, &key);

	if (first)
		__sync_fetch_and_or(&first->flags, WIRE_ATTEMPT_HAS_SIBLING);
}

/* The socket that makes a packet, if it is a client's that is connecting. */
static __always_inline struct sock *connecting_socket(__u64 maker)
{
	struct sock *sk = (struct sock *)maker;

	return sk && BPF_CORE_READ(sk, __sk_common.skc_state) == TCP_STATE_SYN_SENT ? sk : 0;
}

/* Opens a record for a SYN. `sk` is its connecting socket or none. */
static __always_inline struct flight *open_attempt(const struct packet *packet, struct sock *sk, __u32 netns, __u32 salt, __u32 slot,
						   __u64 now)
{
	struct attempt_key key = {.isn = packet->isn, .salt = salt};
	struct flight *attempt = bpf_map_lookup_elem(&scratch, &slot);

	if (!attempt)
		return 0;
	if (salt >= MAX_SALTS) {
		count(WIRE_COUNT_TABLE_FULL);
		return 0;
	}
	__builtin_memset(attempt, 0, __builtin_offsetof(struct flight, faces));
	attempt->id = __sync_fetch_and_add(&next_attempt_id, 1);
	attempt->first_ns = now;
	attempt->isn = packet->isn;
	attempt->salt = salt;
	attempt->netns = netns;
	attempt->last_skb = packet->skb;
	attempt->syn_skb = packet->skb;
	attempt->faces[0] = packet->flow;
	attempt->face_count = 1;
	if (sk) {
		__u64 address = (__u64)sk;
		struct owner *owner = bpf_map_lookup_elem(&connecting, &address);
		struct wire_flow asked;

		attempt->flags = WIRE_ATTEMPT_LOCAL_CLIENT;
		if (owner) {
			attempt->flags |= WIRE_ATTEMPT_OWNER;
			attempt->cgroup_id = owner->cgroup_id;
			attempt->tgid = owner->tgid;
			attempt->tid = owner->tid;
			attempt->scope = owner->scope;
			/* No packet was seen: the SYN is as old as the connect(). */
			if (!packet->skb)
				attempt->first_ns = owner->since_ns;
			__builtin_memcpy(attempt->comm, owner->comm, WIRE_COMM_LEN);
		}
		/* A DNAT in the output hook has already rewritten the packet: the socket still knows what was asked for. */
		if (packet->skb && common_flow(&asked, sk) && !same_flow(&asked, &packet->flow)) {
			attempt->faces[1] = packet->flow;
			attempt->faces[0] = asked;
			attempt->face_count = 2;
			attempt->scope |= scope_of_flow(&asked);
		}
	}
	attempt->scope |= scope_of_flow(&packet->flow) | scope_of_netns(attempt->netns);
	if (attempt->netns == *(volatile __u32 *)&calibration_netns)
		attempt->scope = ~0u;
	if (bpf_map_update_elem(&attempts, &key, attempt, BPF_NOEXIST)) {
		struct flight *first = bpf_map_lookup_elem(&attempts, &key);

		/* A copy of this very packet was first, on another CPU. */
		if (first && first->netns == attempt->netns && find_face(first, &packet->flow) < WIRE_MAX_FACES)
			return first;
		/* Or a SYN of another namespace: the kernel counts ISNs in steps of 64 ns, and two CPUs may connect in one of them. */
		key.salt = salt + 1;
		attempt->salt = salt + 1;
		if (key.salt >= MAX_SALTS || bpf_map_update_elem(&attempts, &key, attempt, BPF_NOEXIST)) {
			count(WIRE_COUNT_TABLE_FULL);
			return 0;
		}
	}
	__sync_fetch_and_add(in_flight_bucket(packet->isn), 1);
	if (key.salt)
		mark_sibling(packet->isn);
	count(WIRE_COUNT_ATTEMPTS);
	return bpf_map_lookup_elem(&attempts, &key);
}

/* A device that has gone meanwhile leaves an address that holds something else: then only its number is known. */
static __always_inline bool still_is(__u64 device, __u32 ifindex)
{
	return BPF_CORE_READ((const struct net_device *)device, ifindex) == ifindex;
}

SUBPROGRAM int fill_hop(struct wire_hop *to, const struct flight_hop *from)
{
	if (!to || !from)
		return 0;
	to->ts_ns = from->ts_ns;
	to->tag = from->tag;
	to->event = from->event;
	to->leg = from->leg;
	to->face = from->face;
	to->icmp = from->icmp;
	if (still_is(from->device, from->ifindex))
		fill_place(&to->place, from->device);
	to->place.ifindex = from->ifindex;
	return 0;
}

SUBPROGRAM int send_flight(const struct flight *flight, __u64 now)
{
	struct wire_attempt *record;

	if (!flight)
		return 0;
	record = bpf_ringbuf_reserve(&ring, sizeof(*record), 0);
	if (!record) {
		count(WIRE_COUNT_RING_FULL);
		return 0;
	}
	__builtin_memset(record, 0, __builtin_offsetof(struct wire_attempt, faces));
	record->header.kind = WIRE_KIND_ATTEMPT;
	record->header.size = sizeof(*record);
	record->header.cpu = bpf_get_smp_processor_id();
	record->header.ts_ns = now;
	record->id = flight->id;
	record->first_ns = flight->first_ns;
	record->last_ns = flight->last_ns;
	record->cgroup_id = flight->cgroup_id;
	record->last_skb = flight->last_skb;
	record->isn = flight->isn;
	record->server_isn = flight->server_isn;
	record->flags = flight->flags;
	record->scope = flight->scope;
	record->netns = flight->netns;
	record->tgid = flight->tgid;
	record->tid = flight->tid;
	record->hop_count = flight->hop_count;
	record->hops_lost = flight->hops_lost;
	record->far_event = flight->far_event;
	record->far_ifindex = flight->far_ifindex;
	if (flight->far_device && still_is(flight->far_device, flight->far_ifindex))
		record->far_netns = device_netns((const struct net_device *)flight->far_device);
	record->syns = flight->syns;
	record->synacks = flight->synacks;
	record->face_count = flight->face_count;
	record->salt = flight->salt;
	__builtin_memcpy(record->comm, flight->comm, sizeof(record->comm));
	__builtin_memcpy(record->faces, flight->faces, sizeof(record->faces));
	for (__u32 i = 0; i < WIRE_MAX_HOPS; i++) {
		__builtin_memset(&record->hops[i], 0, sizeof(record->hops[i]));
		if (i < flight->hop_count)
			fill_hop(&record->hops[i], &flight->hops[i]);
	}
	bpf_ringbuf_submit(record, 0);
	count(WIRE_COUNT_SUBMITTED);
	return 0;
}

/* Sends the record as it is, once; from then on its events are streamed. Returns whether events of this attempt are to be sent. */
static __always_inline bool submit(struct flight *attempt, __u64 now)
{
	if (!in_scope(attempt->scope))
		return false;
	if (__sync_fetch_and_or(&attempt->flags, WIRE_ATTEMPT_STREAMED) & WIRE_ATTEMPT_STREAMED)
		return true;
	send_flight(attempt, now);
	return true;
}

static __always_inline bool streamed(const struct flight *attempt)
{
	return attempt->flags & WIRE_ATTEMPT_STREAMED;
}

/* Takes the record out of the table. A first record with siblings stays as a marker, or they could not be found; the sweep removes it. */
static __always_inline void close_attempt(struct flight *attempt, __u32 isn)
{
	/* Not attempt->isn: the record may have been closed on another CPU just now, and be another attempt's already. */
	struct attempt_key key = {.isn = isn, .salt = attempt->salt};

	if (attempt->flags & WIRE_ATTEMPT_HAS_SIBLING) {
		__sync_fetch_and_or(&attempt->flags, WIRE_ATTEMPT_DEAD);
		return;
	}
	if (bpf_map_delete_elem(&attempts, &key) == 0)
		__sync_fetch_and_add(in_flight_bucket(key.isn), -1);
}

/* The handshake is complete. */
static __always_inline void complete_attempt(struct flight *attempt, __u32 isn)
{
	if (in_scope(attempt->scope) && !streamed(attempt))
		count(WIRE_COUNT_ESTABLISHED);
	close_attempt(attempt, isn);
}

#endif
