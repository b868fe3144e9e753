/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Every map and global of the kernel side, each with who writes it, who deletes from it, and why it has its size. Weak, so that each
 * program file can include this and all of them link into one object. */
#ifndef SYNFATE_BPF_MAPS_H
#define SYNFATE_BPF_MAPS_H

#include "common.h"

/* Four bytes for each of 16384 buckets: with a thousand attempts in flight, 6 in 100 foreign ACKs cost one look-up. */
#define IN_FLIGHT_LOG2 14

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
	__u32 user_timeout_ms;
	__u32 syn_retries;
	__u32 place; /* in the gate */
	__u16 syns;
	__u16 synacks;
	__u16 face_count;
	__u16 way;
	char comm[WIRE_COMM_LEN];
	struct wire_flow faces[WIRE_MAX_FACES];
	struct flight_hop hops[WIRE_MAX_HOPS];
};

/* The flight recorder, in places that are fixed: a record is in one of the WAYS places of the set that its ISN gives. The hash table of the
 * kernel takes and gives back a place in 220 ns and finds it in 26; this does both in 10 (bench/run's machine). */
#define SETS_LOG2 11
#define WAYS 8
#define PLACES ((1 << SETS_LOG2) * WAYS)
#define PLACE_TAKEN (1ull << 32)   /* and the ISN */
#define PLACE_CLAIMED (1ull << 33) /* being filled, and nobody's yet */
struct ways {
	__u64 taken[WAYS]; /* by whom; 0: free */
};
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1 << SETS_LOG2);
	__type(key, __u32);
	__type(value, struct ways);
} attempt_sets SEC(".maps") __weak;

/* Written by the packet, drop and socket programs; given back when the handshake completes, or by the sweep. 16384 is two thirds of a
 * second of the busiest connect loop measured, with none of them completing. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, PLACES);
	__type(key, __u32);
	__type(value, struct flight);
} attempts SEC(".maps") __weak;

/* Who connects, from inet_sock_set_state in the caller's own context until its socket leaves SYN_SENT. In the set that the socket's address
 * gives. What is written about one socket is written under its lock. */
struct owner {
	__u64 since_ns; /* of connect() */
	__u64 cgroup_id;
	__u32 tgid; /* in synfate's pid namespace */
	__u32 tid;
	__u32 scope; /* the process conditions that it meets */
	__u32 user_timeout_ms;
	__u8 syn_retries;
	__u8 seen; /* a SYN of it was: whether it has a record is decided */
	__u8 _pad[6];
	char comm[WIRE_COMM_LEN];
};
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1 << SETS_LOG2);
	__type(key, __u32);
	__type(value, struct ways);
} connecting_sets SEC(".maps") __weak;
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, PLACES);
	__type(key, __u32);
	__type(value, struct owner);
} connecting SEC(".maps") __weak;

/* Either end of an attempt in scope whose handshake was just completed, by the socket's address: what is left of it to tell that it ended
 * early. Written when the socket becomes ESTABLISHED; taken out when it ends without having done what it is for, else crowded out. */
struct young {
	__u64 attempt;
	__u64 since_ns; /* ESTABLISHED */
	__u64 first_ns;
	__u64 cgroup_id;
	__u32 isn;
	__u32 netns;
	__u32 tgid;
	__u32 tid;
	__u8 at_server;
	__u8 counted; /* as wire_closing.counted */
	__u8 local_client;
	__u8 _pad;
	__u32 place; /* in the gate */
	char comm[WIRE_COMM_LEN];
	struct wire_flow asked; /* as the client sent it */
	struct wire_flow own;   /* in SYN direction, as this socket has it */
};
#define YOUNG_SETS_LOG2 10
/* The last word of a set is no way: it counts, and so tells which is the oldest and is crowded out next. */
#define YOUNG_WAYS (WAYS - 1)
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1 << YOUNG_SETS_LOG2);
	__type(key, __u32);
	__type(value, struct ways);
} young_sets SEC(".maps") __weak;
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, (1 << YOUNG_SETS_LOG2) * WAYS);
	__type(key, __u32);
	__type(value, struct young);
} young_sockets SEC(".maps") __weak;

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

/* When an address was last told of as an end of the scope's attempts: `cfg.scoped` only. Crowded out, it is told again. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, struct scope_name);
	__type(value, __u64);
} headed SEC(".maps") __weak;

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

/* Whether this CPU is in a program. The kernel does not run a tracing program on a CPU that is in it already (since 5.12, 9ed9e9ba2337
 * "bpf: Count the number of times recursion was prevented"), so an interrupt's event is lost: a second program for the same tracepoint,
 * which that does not keep from running, looks whether it was an event at all. */
enum running {
	RUNNING_DROP,
	RUNNING_STATE,
	_RUNNING_MAX,
};
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, _RUNNING_MAX);
	__type(key, __u32);
	__type(value, __u64);
} running_programs SEC(".maps") __weak;

static __always_inline void set_running(__u32 which, __u64 value)
{
	volatile __u64 *running = bpf_map_lookup_elem(&running_programs, &which);

	if (running)
		*running = value;
}

static __always_inline bool is_running(__u32 which)
{
	const __u64 *running = bpf_map_lookup_elem(&running_programs, &which);

	return running && *running;
}

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
/* Set by user space when the tracepoints of packets are attached after all: programs at single devices would tell everything twice. */
__u32 everywhere __weak = 0;
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
