/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What every BPF object of synfate has: the ring and the counters, which user space lets them share, the note that the drop program leaves
 * for the rule programs, and the few words that make programs short. Weak, so that each program file can include this. */
#ifndef SYNFATE_BPF_COMMON_H
#define SYNFATE_BPF_COMMON_H

#include "vmlinux.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "config.h"
#include "object.h"
#include "synfate/wire.h"

#define RING_BYTES (2 * 1024 * 1024)

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, _WIRE_COUNT_MAX);
	__type(key, __u32);
	__type(value, __u64);
} counters SEC(".maps") __weak;

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, RING_BYTES);
} ring SEC(".maps") __weak;

/* The netfilter drop that this CPU's drop program has just sent a record of: what the rule programs, which are called next, go on from. */
struct pending_drop {
	__u64 skb; /* 0: none, or taken */
	__u64 ts_ns;
	__u64 location;
	__u64 anchor; /* address on the stack of the return address `location` */
	__u64 state;  /* address of the nf_hook_state; 0: not found, and then nothing below is known */
	__u64 net;
	__u64 in;
	__u64 out;
	__u32 hook;
	__u32 family;
	struct wire_subject subject;
	__u64 policy;   /* skb: a policy dropped it, as it seems (fentry.bpf.c); 0: no, or taken */
	__u64 later;    /* skb: an entry of xtables dropped it; 0: none, or taken */
	__u64 xt_table; /* address of that entry's struct xt_table */
};
/* More than one for each CPU: between two programs about one packet an interrupt may drop another. */
#define SKB_SLOTS 4
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, SKB_SLOTS);
	__type(key, __u32);
	__type(value, struct pending_drop);
} pending_drops SEC(".maps") __weak;

/* The slot of this packet; whoever reads it must find the packet's address in it. sk_buffs are 256 bytes apart at least. */
static __always_inline __u32 skb_slot(__u64 skb)
{
	return (skb >> 8) & (SKB_SLOTS - 1);
}

/* A function that the verifier checks once, on its own, instead of on every path that leads to it: arming has 150 ms for all programs.
 * Takes numbers and pointers to memory only, which it must check for NULL, and returns a number. Kernel objects go in as numbers. */
#define SUBPROGRAM __weak __attribute__((noinline))

static __always_inline void count_more(__u32 which, __u64 more)
{
	__u64 *value = bpf_map_lookup_elem(&counters, &which);

	if (value)
		*value += more;
}

static __always_inline void count(__u32 which)
{
	count_more(which, 1);
}

/* A record of this type from the ring, its header filled and the rest zeroed; the caller submits it. */
#define RESERVE(type, wire_kind_number, now)                                                                                               \
	({                                                                                                                                 \
		type *_record = bpf_ringbuf_reserve(&ring, sizeof(type), 0);                                                               \
		if (_record) {                                                                                                             \
			__builtin_memset(_record, 0, sizeof(type));                                                                        \
			_record->header.kind = wire_kind_number;                                                                           \
			_record->header.size = sizeof(type);                                                                               \
			_record->header.cpu = bpf_get_smp_processor_id();                                                                  \
			_record->header.ts_ns = now;                                                                                       \
		} else {                                                                                                                   \
			count(WIRE_COUNT_RING_FULL);                                                                                       \
		}                                                                                                                          \
		_record;                                                                                                                   \
	})

#endif
