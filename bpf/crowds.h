/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the gate does not let in: counted, each SYN once wherever it is seen, with where it went, from how many sources, and what became of
 * it as far as that is seen without following it. Says of none of them why. */
#ifndef SYNFATE_BPF_CROWDS_H
#define SYNFATE_BPF_CROWDS_H

#include "gate.h"

/* SYNs that got no record and are on their way: each is seen at several places, and counted at the first. A ring of the last eight in each
 * set: at a million a second, one is overwritten after a tenth of a second. A word is 44 bits of who, 16 of where first, 4 of flags. */
#define PASSING_LOG2 14
#define PASSING_WAYS 8
#define PASSING_WHO (~0ull << 20)
#define PASSING_PLACE (0xffffull << 4)
/* The flags, and what is told of a SYN. */
#define PASSED_COUNTED 1 /* as one in scope */
#define PASSED_NO_ROOM 2 /* the table was full, or has others with its ISN */
#define PASSED_BY 4
struct passing_set {
	__u32 next;
	__u32 _pad;
	__u64 syn[PASSING_WAYS];
};
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1 << PASSING_LOG2);
	__type(key, __u32);
	__type(value, struct passing_set);
} passing SEC(".maps") __weak;
/* Until when there may be some: else nobody looks. */
#define PASSING_NS 2000000000ull

/* What is known of the SYNs to one destination that are counted only: of the first 512 destinations, then of all others together. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, MAX_CROWDS);
	__type(key, struct crowd_key);
	__type(value, struct crowd);
} crowds SEC(".maps") __weak;
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct crowd);
} other_crowds SEC(".maps") __weak;
/* A crowd of nobody, to begin with: it does not fit the stack. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct crowd);
} empty_crowd SEC(".maps") __weak;

/* How many zeros a random number begins with, plus one. */
static __always_inline __u8 rank_of(__u64 bits)
{
	__u8 rank = 1;

	for (int width = 32; width; width >>= 1) {
		if (bits >> (64 - width))
			continue;
		rank += width;
		bits <<= width;
	}
	return rank;
}

/* What became of an attempt that is counted only, as far as it is known. */
enum crowd_end {
	CROWD_NOTHING,
	CROWD_DROPPED,
	CROWD_RESET,
	CROWD_REFUSED, /* by a listener */
};

static __always_inline struct crowd *crowd_of(const struct wire_flow *flow)
{
	struct crowd_key key = {};
	struct crowd *crowd, *empty;
	__u32 zero = 0;

	__builtin_memcpy(key.address, flow->daddr, sizeof(key.address));
	key.port = flow->dport;
	key.family = flow->family;
	crowd = bpf_map_lookup_elem(&crowds, &key);
	if (crowd)
		return crowd;
	empty = bpf_map_lookup_elem(&empty_crowd, &zero);
	if (empty)
		bpf_map_update_elem(&crowds, &key, empty, BPF_NOEXIST);
	crowd = bpf_map_lookup_elem(&crowds, &key);
	return crowd ? crowd : bpf_map_lookup_elem(&other_crowds, &zero);
}

/* One more SYN that is counted only; `flow` as it was seen first. */
SUBPROGRAM int join_crowd(const struct wire_flow *flow, __u64 now)
{
	struct crowd *crowd;
	__u64 hash;
	__u32 place;
	__u8 rank;

	count(WIRE_COUNT_CROWDED);
	if (!flow)
		return 0;
	crowd = crowd_of(flow);
	if (!crowd)
		return 0;
	__sync_fetch_and_add(&crowd->syns, 1);
	crowd->last_ns = now;
	if (!crowd->first_ns)
		crowd->first_ns = now;
	hash = mixed(first_half(flow->saddr), first_half(flow->saddr + 8), 0);
	place = hash & (CROWD_REGISTERS - 1);
	rank = rank_of(hash);
	if (crowd->source[place] < rank)
		crowd->source[place] = rank;
	return 0;
}

/* It is told after all, or succeeded. */
SUBPROGRAM int leave_crowd(const struct wire_flow *flow)
{
	struct crowd *crowd;

	count_more(WIRE_COUNT_CROWDED, -1);
	if (!flow)
		return 0;
	crowd = crowd_of(flow);
	if (crowd)
		__sync_fetch_and_add(&crowd->syns, -1);
	return 0;
}

/* And how it ended. `reason` is a drop's. */
SUBPROGRAM int end_in_crowd(const struct wire_flow *flow, __u32 end, __u32 reason)
{
	struct crowd *crowd;

	if (!flow)
		return 0;
	crowd = crowd_of(flow);
	if (!crowd)
		return 0;
	if (end == CROWD_DROPPED) {
		if (!__sync_fetch_and_add(&crowd->dropped, 1))
			crowd->reason = reason;
		else if (crowd->reason != reason)
			crowd->reasons_differ = 1;
	} else if (end == CROWD_RESET) {
		__sync_fetch_and_add(&crowd->reset, 1);
	} else if (end == CROWD_REFUSED) {
		__sync_fetch_and_add(&crowd->refused, 1);
	}
	return 0;
}

static __always_inline __u64 who_passes(const struct packet *packet)
{
	return mixed(packet->skb, packet->isn, 0);
}

/* Where it is, as 16 bits: a SYN that is where it was seen first is another one, which has its memory. */
static __always_inline __u64 place_of(const struct packet *packet)
{
	if (!packet->event)
		return 0;
	return (((packet->device >> 6 ^ packet->event) & 0xffff) | 1) << 4;
}

static __always_inline __u64 *find_passing(const struct packet *packet, __u64 who, struct passing_set **set)
{
	__u32 index = who & ((1u << PASSING_LOG2) - 1);
	__u64 place = place_of(packet);

	*set = bpf_map_lookup_elem(&passing, &index);
	if (!*set)
		return 0;
	for (int i = 0; i < PASSING_WAYS; i++) {
		__u64 syn = (*set)->syn[i];

		if (!((syn ^ who) & PASSING_WHO) && (syn & PASSING_PLACE) != place)
			return &(*set)->syn[i];
	}
	return 0;
}

static __always_inline bool any_passing(__u64 now)
{
	struct gate_bucket *all = gate_bucket(GATE_ALL(GATE_FOREIGN));

	return all && all->crowded_until_ns > now;
}

/* Did this SYN get no record where it was seen first? PASSED_*, 0: no. `scope` is what it meets here. */
SUBPROGRAM int is_passing(const struct packet *packet, __u32 scope, __u64 now)
{
	struct passing_set *set;
	__u64 *syn;

	if (!packet || !packet->skb || !any_passing(now))
		return 0;
	syn = find_passing(packet, who_passes(packet), &set);
	if (!syn)
		return 0;
	if (!(*syn & PASSED_COUNTED) && in_scope(scope) && !(__sync_fetch_and_or(syn, PASSED_COUNTED) & PASSED_COUNTED))
		join_crowd(&packet->flow, now);
	return PASSED_BY | (*syn & (PASSED_COUNTED | PASSED_NO_ROOM));
}

/* This SYN gets no record: PASSED_*. */
SUBPROGRAM int pass_by(const struct packet *packet, __u32 scope, __u64 now, __u32 counter)
{
	struct gate_bucket *all = gate_bucket(GATE_ALL(GATE_FOREIGN));
	struct passing_set *set;
	__u32 index, passed = PASSED_BY;
	__u64 who;

	/* What was seen as an event of a socket only is counted when it is seen as a packet. */
	if (!packet || !packet->skb || !all)
		return passed;
	/* Not at each of them: all CPUs read it. */
	if (all->crowded_until_ns < now + PASSING_NS / 2)
		all->crowded_until_ns = now + PASSING_NS;
	who = who_passes(packet);
	index = who & ((1u << PASSING_LOG2) - 1);
	set = bpf_map_lookup_elem(&passing, &index);
	if (counter != WIRE_COUNT_CROWDED) {
		count(counter);
		passed |= PASSED_NO_ROOM | PASSED_COUNTED;
	} else if (in_scope(scope)) {
		join_crowd(&packet->flow, now);
		passed |= PASSED_COUNTED;
	}
	if (!set)
		return passed;
	index = __sync_fetch_and_add(&set->next, 1) & (PASSING_WAYS - 1);
	set->syn[index] = (who & PASSING_WHO) | place_of(packet) | passed;
	return passed;
}

#endif
