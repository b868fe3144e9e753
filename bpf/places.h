/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Tables whose places are fixed: whose a place is, taking one, giving it back. Knows nothing of what is kept there. */
#ifndef SYNFATE_BPF_PLACES_H
#define SYNFATE_BPF_PLACES_H

#include "maps.h"

/* Which way of a set `who` has; WAYS: none. Several: the last, and SEVERAL is set. In functions of their own, or the verifier would follow
 * each way to the end of the program. */
#define SEVERAL 0x100
SUBPROGRAM int way_of(const struct ways *set, __u64 who)
{
	int found = WAYS;

	if (!set)
		return WAYS;
#pragma unroll
	for (int way = 0; way < WAYS; way++)
		if (set->taken[way] == who)
			found = found == WAYS ? way : way | SEVERAL;
	return found;
}

/* The compiler knows that it is below WAYS and leaves the mask out; the verifier has forgotten it by then. */
static __always_inline __u64 *way_at(struct ways *set, __u32 way)
{
	asm volatile("" : "+r"(way));
	return &set->taken[way & (WAYS - 1)];
}

/* The first free way of a set, taken for `who`; WAYS if there is none. */
SUBPROGRAM int take_way(struct ways *set, __u64 who)
{
	if (!set)
		return WAYS;
#pragma unroll
	for (int way = 0; way < WAYS; way++)
		if (!set->taken[way] && __sync_val_compare_and_swap(&set->taken[way], 0, who) == 0)
			return way;
	return WAYS;
}

static __always_inline __u32 set_of(__u32 isn)
{
	return (isn * 0x9e3779b1u) >> (32 - SETS_LOG2);
}

static __always_inline struct flight *flight_at(__u32 set, __u32 way)
{
	__u32 place = set * WAYS + way;

	return bpf_map_lookup_elem(&attempts, &place);
}

static __always_inline __u32 socket_set_of(__u64 socket, __u32 log2)
{
	/* Sockets are aligned to cache lines. */
	return ((__u32)(socket >> 6) * 0x9e3779b1u) >> (32 - log2);
}

/* Of a connecting socket, by its address. */
static __always_inline struct owner *find_owner(__u64 socket)
{
	__u32 index = socket_set_of(socket, SETS_LOG2), place;
	struct ways *set = bpf_map_lookup_elem(&connecting_sets, &index);

	if (!set)
		return 0;
	place = index * WAYS + way_of(set, socket);
	return place < index * WAYS + WAYS ? bpf_map_lookup_elem(&connecting, &place) : 0;
}

static __always_inline void forget_owner(__u64 socket)
{
	__u32 index = socket_set_of(socket, SETS_LOG2), way;
	struct ways *set = bpf_map_lookup_elem(&connecting_sets, &index);

	if (!set)
		return;
	way = way_of(set, socket);
	if (way < WAYS)
		*way_at(set, way) = 0;
}

/* A place for who connects with this socket; nothing if its set is full. */
static __always_inline struct owner *place_owner(__u64 socket)
{
	__u32 index = socket_set_of(socket, SETS_LOG2), way, place;
	struct ways *set = bpf_map_lookup_elem(&connecting_sets, &index);

	if (!set)
		return 0;
	way = way_of(set, socket);
	if (way >= WAYS)
		way = take_way(set, socket);
	if (way >= WAYS)
		return 0;
	place = index * WAYS + way;
	return bpf_map_lookup_elem(&connecting, &place);
}

#endif
