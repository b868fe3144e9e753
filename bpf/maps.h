/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Every map and global of the kernel side, each with who writes it, who deletes from it, and why it has its size. Weak, so that each
 * program file can include this and all of them link into one object. */
#ifndef SYNFATE_BPF_MAPS_H
#define SYNFATE_BPF_MAPS_H

#include "common.h"

#define TABLE_SIZE 16384
/* Four bytes for each of 16384 buckets: with a thousand attempts in flight, 6 in 100 foreign ACKs cost one look-up. */
#define IN_FLIGHT_LOG2 14

struct attempt_key {
	__u32 isn;
	__u32 salt;
};

/* A packet at a device, as cheap as it can be kept: namespace, name and kind of the device are read when the record is sent, if it is. */
struct flight_hop {
	__u64 ts_ns;
	__u64 device; /* address of the net_device; it must still have this ifindex when it is read */
	__u32 ifindex;
	__u32 tag; /* as wire_hop.tag */
	__u8 event;
	__u8 leg;
	__u8 face;
	__u8 icmp;
	__u32 _pad;
};

/* One attempt in flight; fields as in struct wire_attempt. */
struct flight {
	__u64 id;
	__u64 first_ns;
	__u64 last_ns;
	__u64 last_skb;
	__u64 syn_skb;    /* the last SYN's */
	__u64 far_device; /* address of the net_device that the farthest SYN was at */
	__u64 cgroup_id;
	__u32 isn;
	__u32 server_isn;
	__u32 flags;
	__u32 scope;
	__u32 netns;
	__u32 tgid;
	__u32 tid;
	__u32 hop_count;
	__u32 hops_lost;
	__u32 far_ifindex;
	__u32 far_event;
	__u32 _pad;
	__u16 syns;
	__u16 synacks;
	__u16 face_count;
	__u16 salt;
	char comm[WIRE_COMM_LEN];
	struct wire_flow faces[WIRE_MAX_FACES];
	struct flight_hop hops[WIRE_MAX_HOPS];
};

/* The flight recorder. Written by the packet, drop and socket programs; removed when the handshake completes, or by the sweep.
 * Preallocated, since allocation in a softirq can fail. 16384 is two thirds of a second of the busiest connect loop measured, with
 * none of them completing. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, TABLE_SIZE);
	__type(key, struct attempt_key);
	__type(value, struct flight);
} attempts SEC(".maps") __weak;

/* A new record is put together here: it does not fit the stack. One slot for each program that opens records: the same program cannot
 * interrupt itself on a CPU (the kernel counts such a miss), but two different ones can. */
enum scratch_slot {
	SCRATCH_XMIT,
	SCRATCH_RECEIVE,
	SCRATCH_DROP,
	SCRATCH_STATE,
	SCRATCH_RETRANSMIT,
	_SCRATCH_MAX,
};
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, _SCRATCH_MAX);
	__type(key, __u32);
	__type(value, struct flight);
} scratch SEC(".maps") __weak;

/* Who connects, from inet_sock_set_state in the caller's own context until its socket leaves SYN_SENT. Keyed by the socket's address. */
struct owner {
	__u64 since_ns; /* of connect() */
	__u64 cgroup_id;
	__u32 tgid; /* in synfate's pid namespace */
	__u32 tid;
	__u32 scope; /* the process conditions that it meets */
	__u32 _pad;
	char comm[WIRE_COMM_LEN];
};
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, TABLE_SIZE);
	__type(key, __u64);
	__type(value, struct owner);
} connecting SEC(".maps") __weak;

/* The process tree of `run`: tgids in the initial pid namespace. Written and deleted by the fork and exit programs. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8192);
	__type(key, __u32);
	__type(value, __u8);
} tree SEC(".maps") __weak;

/* What --pod and --node stand for: SCOPE_POD or SCOPE_NODE or both. Written by user space, while everything runs. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, MAX_SCOPE_NAMES);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct scope_name);
	__type(value, __u32);
} named SEC(".maps") __weak;

/* connect() calls whose last route look-up failed, by thread. Deleted when the same thread gets a route, or by the sweep, which sends
 * them. LRU: a loop of failing connects must not stop the rest. */
struct routeless {
	struct wire_route record;
	__u32 key_tid;
	__u32 _pad;
};
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 256);
	__type(key, __u32);
	__type(value, struct routeless);
} routeless_threads SEC(".maps") __weak;

/* The last failed IPv4 look-up of each CPU: the drop that follows in the same softirq takes its error and table from here. */
struct failed_lookup {
	__u64 ts_ns;
	__u32 daddr_be;
	__u32 table;
	__s32 error;
	__u32 _pad;
};
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct failed_lookup);
} failed_lookups SEC(".maps") __weak;

/* When each unresolved neighbour was last reported: one record a second for each is enough. */
struct neighbour_key {
	__u64 neighbour; /* address, an identity only */
	__u64 failed;
};
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, struct neighbour_key);
	__type(value, __u64);
} neighbours_said SEC(".maps") __weak;

/* Kernel stack words above a drop, while they are searched for the nf_hook_state. */
#define STACK_WORDS 192
struct stack_words {
	__u64 word[STACK_WORDS];
	/* In memory and not in registers: the verifier would follow each of their values through the loops. */
	__u32 readable; /* words that could be copied */
	__u32 anchor;   /* 1 + index of the return address into the code that frees; 0: not found yet */
	/* The search itself: on the stack of nested callbacks there is no room for it. */
	__u64 location;
	__u64 base; /* address of the first word */
	__u64 skb;
	__u64 candidate;   /* address of the state that references are looked for */
	__u64 previous;    /* word */
	__u32 below;       /* index of the candidate */
	__u32 found;       /* REFERENCED... */
	__u32 second_best; /* 1 + index of the first candidate that is referenced without the packet; 0: none */
	__u32 _pad;
};
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct stack_words);
} stacks SEC(".maps") __weak;

/* Set by user space before loading. */
const volatile struct config cfg __weak = {};

/* Flipped by user space after every program is attached: half an attach plan must not produce records. */
__u32 armed __weak = 0;
/* `run`: the next child of this tgid (initial pid namespace) is the root of the tree. Set and cleared by user space. */
__u32 tree_seed_tgid __weak = 0;
/* Attempts first seen in this namespace are in scope whatever the filter says: user space's own, made to calibrate. 0: none. */
__u32 calibration_netns __weak = 0;
__u64 next_attempt_id __weak = 1;
__u32 routeless_count __weak = 0;
/* How many records have an ISN of this hash: what an ACK is looked up in first, since nearly all of them are nobody's handshake. */
__u32 in_flight[1 << IN_FLIGHT_LOG2] __weak = {};

static __always_inline __u32 *in_flight_bucket(__u32 isn)
{
	return &in_flight[(isn * 0x9e3779b1u) >> (32 - IN_FLIGHT_LOG2)];
}

#endif
