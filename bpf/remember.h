/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Which rules dropped something lately, for those who ask about them again. */
#ifndef SYNFATE_BPF_REMEMBER_H
#define SYNFATE_BPF_REMEMBER_H

#include "proof.h"

/* Where the rules are that dropped something lately: user space asks about them again once it has read their text. */
/* Handles of chains and rules are counted in each table. */
struct rule_name {
	__u64 cookie;
	__u64 table_handle;
	__u64 chain_handle;
	__u64 handle;
};
struct rule_place {
	__u64 net;
	__u64 chain;
};
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, struct rule_name);
	__type(value, struct rule_place);
} rule_places SEC(".maps") __weak;

static __always_inline void remember_rule(struct wire_verdict *record, struct hunt *hunt, __u64 net)
{
	struct rule_name name = {.cookie = record->generation,
				 .table_handle = record->table_handle,
				 .chain_handle = record->chain_handle,
				 .handle = record->handle};
	struct rule_place place = {.net = net, .chain = hunt->chain};

	bpf_map_update_elem(&rule_places, &name, &place, BPF_ANY);
	record->proof = hunt->proof;
	record->offset = (__u32)(record->proof ^ record->proof >> 32);
}

#endif
