/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The gate of the flight recorder. More SYNs may come than anybody can read: of each destination and of each source so many attempts are
 * followed, and so many are told; the rest is counted, each once. What is not followed is not judged. Attempts that succeed give back
 * what they took. Sockets of this machine have places of their own: a flood that comes from elsewhere takes none of theirs. */
#ifndef SYNFATE_BPF_GATE_H
#define SYNFATE_BPF_GATE_H

#include "scope.h"

#define GATE_LOG2 12
#define GATE_BUCKETS (1u << GATE_LOG2)
enum gate_class {
	GATE_FOREIGN, /* of no socket that connects here */
	GATE_LOCAL,
	_GATE_CLASSES,
	GATE_ENDS = _GATE_CLASSES, /* of told_due: connections that ended early */
};
/* After the buckets of destinations and those of sources: all of a class. */
#define GATE_ALL(class) (2 * GATE_BUCKETS + (class))
/* What open_attempt() gets instead of places. */
#define NO_PLACE ~0u

/* Records in the table at once, of 16384. A handshake across the world takes a third of a second. */
#define MOST_OPEN_OF_DESTINATION 2048
#define MOST_OPEN_OF_SOURCE 4096
#define MOST_OPEN_FOREIGN 6144
/* Told ones stay for as long as a retransmit may come. */
#define MOST_TOLD_OF_DESTINATION 1024
#define MOST_TOLD_OF_SOURCE 2048
#define MOST_TOLD 4096
/* So many are told at once, and one more for each interval. */
#define TOLD_OF_DESTINATION_NS (1000000000ull / 64)
#define TOLD_OF_DESTINATION 128
#define TOLD_OF_SOURCE_NS (1000000000ull / 128)
#define TOLD_OF_SOURCE 512
/* Of all destinations together, by each CPU: the interval is user space's, by the number of CPUs. */
#define TOLD_AT_ONCE_BY_CPU 512
/* Where more failed than are told, only so many more are followed for the next moment. */
#define CROWDED_NS 200000000ull
#define FOLLOWED_INTERVAL_NS (1000000000ull / 128)
#define FOLLOWED_AT_ONCE 16

struct gate_bucket {
	__s32 open; /* records that were not told */
	__s32 told;
	__u64 crowded_until_ns; /* of all from elsewhere: until when some are on their way that got no record */
	__u64 followed_due_ns;  /* when the next place would be free if they came evenly: so far ahead of now as was taken at once */
	__u64 told_due_ns;
};
/* Hashed: a destination may share a flood's bucket, one in 4096 does. Written by the programs that open, tell and close records. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2 * GATE_BUCKETS + _GATE_CLASSES);
	__type(key, __u32);
	__type(value, struct gate_bucket);
} gate SEC(".maps") __weak;

/* When each CPU may tell the next of a class. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, GATE_ENDS + 1);
	__type(key, __u32);
	__type(value, __u64);
} told_due SEC(".maps") __weak;

static __always_inline struct gate_bucket *gate_bucket(__u32 index)
{
	return bpf_map_lookup_elem(&gate, &index);
}

static __always_inline __u64 mixed(__u64 a, __u64 b, __u64 c)
{
	__u64 hash = (a ^ cfg.gate_seed) * 0x9e3779b97f4a7c15ull;

	hash = (hash ^ hash >> 32 ^ b) * 0xff51afd7ed558ccdull;
	hash = (hash ^ hash >> 29 ^ c) * 0xc4ceb9fe1a85ec53ull;
	return hash ^ hash >> 32;
}

static __always_inline __u64 first_half(const __u8 *address)
{
	return *(const __u64 *)address;
}

/* A namespace of this machine has a limit of its own for each destination: 127.0.0.1 is another one in each, and one pod's storm must not
 * hide another pod's failure. */
static __always_inline __u32 destination_bucket(const struct wire_flow *flow, __u32 local_netns)
{
	return mixed(first_half(flow->daddr), first_half(flow->daddr + 8), (__u64)flow->dport << 32 | local_netns) & (GATE_BUCKETS - 1);
}

/* A neighbourhood of addresses for those from elsewhere, who may take whichever they like; a namespace of this machine. */
static __always_inline __u32 source_bucket(const struct wire_flow *flow, __u32 local_netns)
{
	__u64 prefix = first_half(flow->saddr);

	if (local_netns)
		return mixed(local_netns, 0, GATE_LOCAL) & (GATE_BUCKETS - 1);
	if (flow->family == 4)
		*((__u8 *)&prefix + 3) = 0;
	return mixed(prefix, flow->family, GATE_FOREIGN) & (GATE_BUCKETS - 1);
}

/* Takes one of `at_once` places that come back one each interval. */
static __always_inline bool take_one(__u64 *due_ns, __u64 now, __u64 interval_ns, __u32 at_once)
{
	__u64 due = *due_ns;

	if (due < now)
		due = now;
	if (due - now >= interval_ns * at_once)
		return false;
	*due_ns = due + interval_ns;
	return true;
}

static __always_inline bool has_room(struct gate_bucket *bucket, __s32 most_open, __u64 now)
{
	if (*(volatile __s32 *)&bucket->open >= most_open)
		return false;
	return bucket->crowded_until_ns <= now || take_one(&bucket->followed_due_ns, now, FOLLOWED_INTERVAL_NS, FOLLOWED_AT_ONCE);
}

/* Of the place and not of the attempt, whose socket may be met later: what is taken from a class goes back to it. */
#define PLACE_IS_LOCAL (1u << 31)
static __always_inline __u32 class_of(__u32 place)
{
	return place & PLACE_IS_LOCAL ? GATE_LOCAL : GATE_FOREIGN;
}

/* Where the attempt of this SYN is counted: its destination's bucket, and its source's in the upper half. `local_netns` is that of the
 * socket that connects, 0 without one. */
static __always_inline __u32 place_in_gate(const struct wire_flow *flow, __u32 local_netns)
{
	return (local_netns ? PLACE_IS_LOCAL : 0) | source_bucket(flow, local_netns) << 16 | destination_bucket(flow, local_netns);
}

static __always_inline struct gate_bucket *bucket_of_destination(__u32 place)
{
	return gate_bucket(place & (GATE_BUCKETS - 1));
}

static __always_inline struct gate_bucket *bucket_of_source(__u32 place)
{
	return gate_bucket(GATE_BUCKETS + (place >> 16 & (GATE_BUCKETS - 1)));
}

/* NO_PLACE: it is not to be followed. */
SUBPROGRAM __u32 find_place(const struct wire_flow *flow, __u32 local_netns, __u64 now)
{
	struct gate_bucket *destination, *source, *all;
	__u32 place;

	if (!flow)
		return NO_PLACE;
	place = place_in_gate(flow, local_netns);
	destination = bucket_of_destination(place);
	source = bucket_of_source(place);
	all = gate_bucket(GATE_ALL(GATE_FOREIGN));
	if (!destination || !source || !all || !cfg.gate)
		return place;
	if (!local_netns && *(volatile __s32 *)&all->open >= MOST_OPEN_FOREIGN)
		return NO_PLACE;
	if (!has_room(destination, MOST_OPEN_OF_DESTINATION, now) || !has_room(source, MOST_OPEN_OF_SOURCE, now))
		return NO_PLACE;
	return place;
}

/* Adds to the numbers of the record's three buckets. */
SUBPROGRAM int count_place(__u32 place, __s32 open, __s32 told)
{
	__u32 index[3] = {place & (GATE_BUCKETS - 1), GATE_BUCKETS + (place >> 16 & (GATE_BUCKETS - 1)), GATE_ALL(class_of(place))};

	for (int i = 0; i < 3; i++) {
		struct gate_bucket *bucket = bpf_map_lookup_elem(&gate, &index[i]);

		if (!bucket)
			continue;
		if (open)
			__sync_fetch_and_add(&bucket->open, open);
		if (told)
			__sync_fetch_and_add(&bucket->told, told);
	}
	return 0;
}

/* Its handshake was completed: others may take its place at once. */
static __always_inline void give_back(__u32 place)
{
	struct gate_bucket *bucket = bucket_of_destination(place);

	if (bucket && bucket->followed_due_ns > FOLLOWED_INTERVAL_NS)
		bucket->followed_due_ns -= FOLLOWED_INTERVAL_NS;
	bucket = bucket_of_source(place);
	if (bucket && bucket->followed_due_ns > FOLLOWED_INTERVAL_NS)
		bucket->followed_due_ns -= FOLLOWED_INTERVAL_NS;
}

static __always_inline bool may_tell_here(struct gate_bucket *bucket, __s32 most, __u64 now, __u64 interval_ns, __u32 at_once)
{
	if (*(volatile __s32 *)&bucket->told < most && take_one(&bucket->told_due_ns, now, interval_ns, at_once))
		return true;
	bucket->crowded_until_ns = now + CROWDED_NS;
	return false;
}

/* May one more of these failures be told? */
SUBPROGRAM int may_tell(__u32 place, __u64 now)
{
	__u32 all_of = class_of(place);
	struct gate_bucket *destination = bucket_of_destination(place), *source = bucket_of_source(place);
	struct gate_bucket *all = gate_bucket(GATE_ALL(all_of));
	__u64 *due = bpf_map_lookup_elem(&told_due, &all_of);

	if (!destination || !source || !all || !due || !cfg.gate)
		return 1;
	if (!may_tell_here(destination, MOST_TOLD_OF_DESTINATION, now, TOLD_OF_DESTINATION_NS, TOLD_OF_DESTINATION) ||
	    !may_tell_here(source, MOST_TOLD_OF_SOURCE, now, TOLD_OF_SOURCE_NS, TOLD_OF_SOURCE))
		return 0;
	return *(volatile __s32 *)&all->told < MOST_TOLD && take_one(due, now, cfg.told_interval_ns, TOLD_AT_ONCE_BY_CPU);
}

/* May one more connection be told that ended early? It was counted when it was established: what is not told crowds out nothing. */
SUBPROGRAM int may_tell_end(__u32 place, __u64 now)
{
	struct gate_bucket *destination = bucket_of_destination(place);
	__u32 ends = GATE_ENDS;
	__u64 *due = bpf_map_lookup_elem(&told_due, &ends);

	if (!destination || !due || !cfg.gate || cfg.stream_all)
		return 1;
	return take_one(&destination->told_due_ns, now, TOLD_OF_DESTINATION_NS, TOLD_OF_DESTINATION) &&
	       take_one(due, now, cfg.told_interval_ns, TOLD_AT_ONCE_BY_CPU);
}

#endif
