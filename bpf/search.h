/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The search for a rule, within limits: a rule that was found is not searched for again while its ruleset is the same, and what searches
 * may cost together is bounded, or a flood of dropped SYNs would pay a walk over all rules each. */
#ifndef SYNFATE_BPF_SEARCH_H
#define SYNFATE_BPF_SEARCH_H

#include "generation.h"
#include "proof.h"

/* Of each CPU: a quarter of it at most, while nothing but new rules drop. */
#define SEARCH_PERIOD_NS 100000000ull
#define SEARCH_BUDGET_NS 25000000ull

/* An expression is at one address as long as its generation lasts; another array of entries may be another hook, or another device's. */
struct found_key {
	__u64 cookie;
	__u64 entries;
	__u64 expression;
};
struct found_rule {
	__u64 table;
	__u64 chain;
	__u64 rule;
	__u64 handle;
	__u64 proof;
	__u32 number;
	__u32 ruleset; /* the generation in which all of it holds */
};
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, struct found_key);
	__type(value, struct found_rule);
} found_rules SEC(".maps") __weak;

struct search_time {
	__u64 period_ns;
	__u64 spent_ns;
};
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct search_time);
} search_times SEC(".maps") __weak;

static __always_inline bool take_found(struct hunt *hunt, const struct found_rule *found)
{
	__u64 header = read_word(found->rule), length = (header >> 1) & 0xfff;

	if ((header & 1) || ((header >> 13) & HANDLE_MASK) != found->handle)
		return false;
	if (hunt->wanted < found->rule + 8 || hunt->wanted >= found->rule + 8 + length)
		return false;
	hunt->table = found->table;
	hunt->chain = found->chain;
	hunt->rule = found->rule;
	hunt->rule_end = found->rule + 8 + length;
	hunt->handle = found->handle;
	hunt->number = found->number;
	hunt->proof = found->proof;
	hunt->too_many = 0;
	hunt->settled = 1;
	hunt->found = 1;
	find_expression(hunt);
	return true;
}

/* As find_rule(), of a namespace, with its proof; ruleset 0: its generation is not known. Returns an enum wire_doubt: NONE where it was
 * searched for. */
SUBPROGRAM int search_rule(struct hunt *hunt, __u64 wanted, __u64 net, __u32 ruleset)
{
	struct found_key key = {};
	struct found_rule *known, found = {};
	struct search_time *time;
	__u32 zero = 0, cursor;
	bool current;
	__u64 now;

	if (!hunt || !net || !knows_nft())
		return WIRE_DOUBT_UNREADABLE;
	hunt->found = 0;
	hunt->wanted = wanted;
	key.cookie = cookie_of(net);
	key.entries = hunt->entries;
	key.expression = wanted;
	if (ruleset && key.cookie) {
		known = bpf_map_lookup_elem(&found_rules, &key);
		if (known && known->ruleset == ruleset && take_found(hunt, known))
			return WIRE_DOUBT_NONE;
	}
	time = bpf_map_lookup_elem(&search_times, &zero);
	if (!time)
		return WIRE_DOUBT_UNREADABLE;
	now = bpf_ktime_get_ns();
	if (now - time->period_ns > SEARCH_PERIOD_NS) {
		time->period_ns = now;
		time->spent_ns = 0;
	}
	if (time->spent_ns >= SEARCH_BUDGET_NS)
		return WIRE_DOUBT_BUDGET;
	find_rule(hunt, wanted);
	if (hunt->found) {
		cursor = cursor_of(net);
		current = hunt->blob == current_blob(net, hunt->chain) + 8;
		hunt->proof = proof_of_rule(hunt, cursor);
		/* Of a ruleset that is being replaced, parts of two would make the proof: whoever asks later must not be told that the rule
		 * is the same. */
		hunt->settled = current && cursor_of(net) == cursor && (!ruleset || ruleset_of(net) == ruleset);
		if (!hunt->settled)
			hunt->proof = wanted;
	}
	time->spent_ns += bpf_ktime_get_ns() - now;
	if (hunt->found && hunt->settled && ruleset && key.cookie) {
		found.table = hunt->table;
		found.chain = hunt->chain;
		found.rule = hunt->rule;
		found.handle = hunt->handle;
		found.number = hunt->number;
		found.proof = hunt->proof;
		found.ruleset = ruleset;
		bpf_map_update_elem(&found_rules, &key, &found, BPF_ANY);
	}
	return WIRE_DOUBT_NONE;
}

#endif
