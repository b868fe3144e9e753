/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The flight recorder: opens records, submits them, closes them. */
#ifndef SYNFATE_BPF_ATTEMPTS_H
#define SYNFATE_BPF_ATTEMPTS_H

#include "crowds.h"
#include "find.h"

/* The socket that makes a packet, if it is a client's that is connecting. */
static __always_inline struct sock *connecting_socket(__u64 maker)
{
	struct sock *sk = (struct sock *)maker;

	return sk && READ(struct sock, sk, __sk_common.skc_state) == TCP_STATE_SYN_SENT ? sk : 0;
}

/* Whose socket it is; the owner too, where its connect() was seen. */
static __always_inline void take_owner(struct flight *attempt, const struct owner *owner)
{
	attempt->flags |= WIRE_ATTEMPT_LOCAL_CLIENT;
	if (!owner)
		return;
	attempt->flags |= WIRE_ATTEMPT_OWNER;
	attempt->cgroup_id = owner->cgroup_id;
	attempt->tgid = owner->tgid;
	attempt->tid = owner->tid;
	attempt->scope |= owner->scope;
	attempt->user_timeout_ms = owner->user_timeout_ms;
	attempt->syn_retries = owner->syn_retries;
	__builtin_memcpy(attempt->comm, owner->comm, WIRE_COMM_LEN);
}

/* Another record of this attempt: a copy of this very packet was first, on another CPU. */
static __always_inline __u32 twin_of(const struct ways *set, __u32 index, __u32 own_way, const struct packet *packet, __u32 netns)
{
	for (__u32 way = 0; way < WAYS; way++) {
		struct flight *other;

		if (way == own_way || set->taken[way] != (PLACE_TAKEN | packet->isn))
			continue;
		other = flight_at(index, way);
		if (other && other->netns == netns && find_face(other, &packet->flow) < WIRE_MAX_FACES)
			return way;
	}
	return WAYS;
}

/* Opens a record for a SYN: the number of its place, -1 if it gets none. `socket` is its connecting socket, by its address, or 0. On its
 * own, since it is long, and arming has to be short. */
SUBPROGRAM int open_place(struct packet *packet, __u64 socket, __u32 netns, __u64 now)
{
	__u32 scope, place, index, way, twin;
	struct ways *set;
	struct owner *owner;
	struct flight *attempt;

	if (!packet)
		return -1;
	scope = scope_of_flow(&packet->flow) | scope_of_netns(netns);
	index = set_of(packet->isn);
	set = bpf_map_lookup_elem(&attempt_sets, &index);
	owner = socket ? find_owner(socket) : 0;
	if (!set)
		return -1;
	if (owner) {
		scope |= owner->scope;
		owner->seen = 1;
	}
	packet->passed = is_passing(packet, scope, now);
	if (packet->passed)
		return -1;
	place = netns == *(volatile __u32 *)&calibration_netns ? 0 : find_place(&packet->flow, socket ? netns : 0, now);
	if (place == NO_PLACE) {
		packet->passed = pass_by(packet, scope, now, WIRE_COUNT_CROWDED);
		return -1;
	}
	way = take_way(set, PLACE_CLAIMED);
	if (way >= WAYS) {
		packet->passed = pass_by(packet, scope, now, WIRE_COUNT_TABLE_FULL);
		return -1;
	}
	attempt = flight_at(index, way);
	if (!attempt)
		return -1;
	__builtin_memset(attempt, 0, __builtin_offsetof(struct flight, faces));
	attempt->id = __sync_fetch_and_add(&next_attempt_id, 1);
	attempt->first_ns = now;
	attempt->isn = packet->isn;
	attempt->way = way;
	attempt->netns = netns;
	attempt->place = place;
	attempt->last_skb = packet->skb;
	attempt->syn_skb = packet->skb;
	attempt->faces[0] = packet->flow;
	attempt->face_count = 1;
	if (socket) {
		struct wire_flow asked;

		take_owner(attempt, owner);
		/* No packet was seen: the SYN is as old as the connect(). */
		if (owner && !packet->skb)
			attempt->first_ns = owner->since_ns;
		/* A DNAT in the output hook has already rewritten the packet: the socket still knows what was asked for. */
		if (packet->skb && common_flow_at(&asked, socket) && !same_flow(&asked, &packet->flow)) {
			attempt->faces[1] = packet->flow;
			attempt->faces[0] = asked;
			attempt->face_count = 2;
			attempt->scope |= scope_of_flow(&asked);
		}
	}
	attempt->scope |= scope;
	if (attempt->netns == *(volatile __u32 *)&calibration_netns)
		attempt->scope = ~0u;
	__sync_lock_test_and_set(way_at(set, way), PLACE_TAKEN | packet->isn);
	twin = twin_of(set, index, way, packet, netns);
	if (twin < WAYS) {
		*way_at(set, way) = 0;
		return index * WAYS + twin;
	}
	__sync_fetch_and_add(in_flight_bucket(packet->isn), 1);
	count_place(place, 1, 0);
	count(WIRE_COUNT_ATTEMPTS);
	return index * WAYS + way;
}

static __always_inline struct flight *open_attempt(struct packet *packet, struct sock *sk, __u32 netns, __u64 now)
{
	int place = open_place(packet, (__u64)sk, netns, now);

	return place < 0 ? 0 : bpf_map_lookup_elem(&attempts, &place);
}

/* A device that has gone meanwhile leaves an address that holds something else: then only its number is known. */
static __always_inline bool still_is(__u64 device, __u32 ifindex)
{
	return READ(struct net_device, device, ifindex) == ifindex;
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
	/* Of an attempt that nobody asks about, nothing is lost. */
	count_more(WIRE_COUNT_HOPS_LOST, flight->hops_lost);
	record->far_event = flight->far_event;
	record->far_ifindex = flight->far_ifindex;
	if (flight->far_device && still_is(flight->far_device, flight->far_ifindex))
		record->far_netns = device_netns((const struct net_device *)flight->far_device);
	record->syns = flight->syns;
	record->synacks = flight->synacks;
	record->face_count = flight->face_count;
	record->user_timeout_ms = flight->user_timeout_ms;
	record->syn_retries = flight->syn_retries;
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

/* More failed at once than are told: this one is counted, with what became of it. Its record stays for a while: it may be sent again, or
 * succeed after all. */
SUBPROGRAM int join_with(struct flight *attempt, __u64 now, __u32 end, __u32 reason)
{
	if (!attempt || (__sync_fetch_and_or(&attempt->flags, WIRE_ATTEMPT_CROWDED) & WIRE_ATTEMPT_CROWDED))
		return 0;
	join_crowd(&attempt->faces[0], now);
	return end_in_crowd(&attempt->faces[0], end, reason);
}

/* Another synfate calibrates, with dozens of drops, as this one did: user space would take no notice of it. */
static __always_inline bool is_calibration(const struct flight *attempt)
{
	const struct wire_flow *flow = &attempt->faces[0];
	const __u64 *comm = (const __u64 *)attempt->comm;

	return flow->family == 4 && *(const __be32 *)flow->daddr == bpf_htonl(0x7f000001) && flow->dport <= DRILL_PORT_FOURTH &&
	       comm[0] == CALIBRATION_COMM_0 && comm[1] == CALIBRATION_COMM_1;
}

/* Sends the record as it is, once; from then on its events are streamed. Returns whether events of this attempt are to be sent. `end` and
 * `reason` are what is known of how it ends. */
static __always_inline bool submit_end(struct flight *attempt, __u64 now, __u32 end, __u32 reason)
{
	__u32 flags = attempt->flags;

	if (!in_scope(attempt->scope))
		return false;
	if (flags & WIRE_ATTEMPT_STREAMED)
		return true;
	if (attempt->scope != ~0u && is_calibration(attempt))
		return false;
	if (!cfg.stream_all && attempt->scope != ~0u && !may_tell(attempt->place, now)) {
		join_with(attempt, now, end, reason);
		return false;
	}
	if (__sync_fetch_and_or(&attempt->flags, WIRE_ATTEMPT_STREAMED) & WIRE_ATTEMPT_STREAMED)
		return true;
	/* There is room for it after all. */
	if (flags & WIRE_ATTEMPT_CROWDED)
		leave_crowd(&attempt->faces[0]);
	count_place(attempt->place, -1, 1);
	send_flight(attempt, now);
	return true;
}

static __always_inline bool submit(struct flight *attempt, __u64 now)
{
	return submit_end(attempt, now, CROWD_NOTHING, 0);
}

static __always_inline bool streamed(const struct flight *attempt)
{
	return attempt->flags & WIRE_ATTEMPT_STREAMED;
}

/* The record was opened by a SYN on its way; here is its socket, by its address. Who has the record already is sent it again, for that. */
SUBPROGRAM int adopt(struct flight *attempt, const struct packet *packet, __u64 socket)
{
	__u32 netns, face;

	if (!attempt || !packet || !cfg.scoped || (attempt->flags & WIRE_ATTEMPT_LOCAL_CLIENT))
		return 0;
	netns = socket_netns((const struct sock *)socket);
	if (attempt->netns == netns)
		return 0;
	attempt->netns = netns;
	face = find_face(attempt, &packet->flow);
	if (face >= WIRE_MAX_FACES && attempt->face_count < WIRE_MAX_FACES) {
		face = attempt->face_count;
		/* The verifier of 6.1 does not see that it is small, and the compiler would leave the mask out. */
		asm volatile("" : "+r"(face));
		face &= WIRE_MAX_FACES - 1;
		attempt->faces[face] = packet->flow;
		attempt->face_count = face + 1;
		attempt->scope |= scope_of_flow(&packet->flow);
	}
	if (face < WIRE_MAX_FACES)
		attempt->flags |= face << WIRE_ATTEMPT_ASKED_SHIFT;
	take_owner(attempt, find_owner(socket));
	attempt->scope |= scope_of_netns(netns);
	if (streamed(attempt))
		send_flight(attempt, bpf_ktime_get_ns());
	return 0;
}

/* Gives the record's place back. */
static __always_inline void close_attempt(struct flight *attempt, __u32 isn)
{
	/* Not attempt->isn: the record may have been closed on another CPU just now, and be another attempt's already. */
	__u32 index = set_of(isn), way = attempt->way, place;
	struct ways *set = bpf_map_lookup_elem(&attempt_sets, &index);
	bool told;

	if (!set || way >= WAYS)
		return;
	place = attempt->place;
	told = streamed(attempt);
	if (__sync_val_compare_and_swap(way_at(set, way), PLACE_TAKEN | isn, 0) != (PLACE_TAKEN | isn))
		return;
	__sync_fetch_and_add(in_flight_bucket(isn), -1);
	count_place(place, told ? 0 : -1, told ? -1 : 0);
}

/* The handshake is complete. */
static __always_inline void complete_attempt(struct flight *attempt, __u32 isn)
{
	if (in_scope(attempt->scope) && !streamed(attempt)) {
		count(WIRE_COUNT_ESTABLISHED);
		if (attempt->flags & WIRE_ATTEMPT_CROWDED)
			leave_crowd(&attempt->faces[0]);
	}
	give_back(attempt->place);
	close_attempt(attempt, isn);
}

#endif
