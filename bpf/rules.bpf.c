// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Who gave the verdict for the packet that this CPU's drop program has just reported: the entry of the hook, and inside nf_tables the rule
 * or the policy. Everything is read from the frames of functions that are still running, at the places that a calibration has learnt, and
 * believed only if what is there has the right shape; else the record says what did not fit. An object of its own, loaded after the rest:
 * it takes nf_tables' types from that module. */
#include "lessons.h"
#include "remember.h"
#include "search.h"
#include "verdict.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* What the calibration has learnt; written by user space. */
struct frames frames __weak = {};
/* Drops in this namespace are lessons. */
__u32 lesson_netns __weak = 0;

/* Where a drop by an expression that an fexit program saw was freed; 0: none was yet. */
__u64 traced_rule_site __weak = 0;

/* The words of a running function's frame, and of what its callee saved, as they are around the anchor. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct frame_words);
} frame_words SEC(".maps") __weak;

/* What fexit programs (fentry.bpf.c) saw: the expression that gave a verdict to drop, by CPU. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, SKB_SLOTS);
	__type(key, __u32);
	__type(value, struct evaluated);
} evaluations SEC(".maps") __weak;

/* In chunks: the stack may end before the window does. */
static __always_inline void read_frame(struct frame_words *words, __u64 anchor, __u64 bottom)
{
	__u64 base = anchor + FIRST_SLOT * 8;

	/* Below the tracepoint's arguments is this program's own frame. */
	words->first = bottom > base && bottom < anchor ? (bottom - base) / 8 : 0;
	words->count = 0;
	for (__u32 chunk = 0; chunk < FRAME_WORDS / 16; chunk++) {
		if (bpf_probe_read_kernel(&words->word[chunk * 16], 128, (void *)(base + chunk * 128))) {
			/* What is below the stack's end has nothing to do with this call. */
			if (words->count)
				break;
			if (words->first < (chunk + 1) * 16)
				words->first = (chunk + 1) * 16;
			continue;
		}
		words->count = (chunk + 1) * 16;
	}
}

/* The word at a learnt slot; 0 where it could not be read. */
static __always_inline __u64 word_at(const struct frame_words *words, __s32 slot)
{
	__u32 index = (__u32)(slot - FIRST_SLOT);

	if (index >= FRAME_WORDS || index < words->first || index >= words->count)
		return 0;
	return words->word[index];
}

/* The one value that all learnt slots hold; 0 if they differ. Sets *doubt. */
SUBPROGRAM __u64 agreed_word(const struct frame_words *words, const struct slot_set *slots, __u8 *doubt)
{
	__u64 value = 0;

	if (!words || !slots || !doubt)
		return 0;
	if (slots->count == 0) {
		*doubt = WIRE_DOUBT_NOT_CALIBRATED;
		return 0;
	}
	for (__u32 i = 0; i < MAX_SLOTS; i++) {
		__u64 word;

		if (i >= slots->count)
			break;
		word = word_at(words, slots->slot[i]);
		if (i && word != value) {
			*doubt = WIRE_DOUBT_UNREADABLE;
			return 0;
		}
		value = word;
	}
	*doubt = WIRE_DOUBT_NONE;
	return value;
}

SUBPROGRAM int fill_rule(struct wire_verdict *record, struct hunt *hunt)
{
	__u64 name;

	if (!record || !hunt)
		return 0;
	if (!hunt->found) {
		record->doubt = hunt->too_many ? WIRE_DOUBT_TOO_MANY : WIRE_DOUBT_NO_RULE;
		return 0;
	}
	name = final_name(hunt);
	if (!name) {
		record->doubt = WIRE_DOUBT_NOT_FINAL;
		return 0;
	}
	bpf_probe_read_kernel_str(record->expression, sizeof(record->expression), (void *)name);
	fill_chain(record, hunt->chain);
	record->kind = WIRE_RULE_NFT;
	record->handle = hunt->handle;
	record->number = hunt->number;
	return hunt->chain != 0;
}

/* The expression that an fexit program saw giving the verdict for this very packet, on this CPU, just now; 0: none. Taken whenever a packet
 * is freed, also one that nobody follows: the next one at its address must not find it. */
static __always_inline struct evaluated take_evaluated(__u64 skb)
{
	__u32 slot = skb_slot(skb);
	struct evaluated none = {}, *seen = bpf_map_lookup_elem(&evaluations, &slot);

	if (!seen || seen->skb != skb)
		return none;
	seen->skb = 0;
	if (bpf_ktime_get_ns() - seen->ts_ns < EVALUATION_FRESH_NS)
		none = *seen;
	return none;
}

struct table_search {
	struct hunt *hunt;
	__u64 table;
	__u32 found; /* 1 + index of the entry; 0: none */
};

static long table_step(__u32 i, struct table_search *search)
{
	if (i >= search->hunt->entry_count)
		return 1;
	if (entry_priv(search->hunt, i) != search->table)
		return 0;
	search->found = i + 1;
	return 1;
}

static __always_inline void explain_nft(struct wire_verdict *record, struct pending_drop *drop, __u64 evaluated,
					const struct frame_words *words, struct hunt *hunt)
{
	__u64 word;

	if (!knows_nft()) {
		record->doubt = WIRE_DOUBT_OLD_KERNEL;
		return;
	}
	if (frames.policy_site && drop->location == frames.policy_site) {
		if (evaluated) {
			record->doubt = WIRE_DOUBT_DISAGREE;
			return;
		}
		word = agreed_word(words, &frames.base_chain, &record->doubt);
		if (word) {
			fill_policy(record, hunt, word);
			return;
		}
		if (!record->doubt)
			record->doubt = WIRE_DOUBT_UNREADABLE;
		/* Where functions are traced, the chain will be known when nft_do_chain() ends. */
		drop->policy = drop->subject.skb;
		return;
	}
	word = 0;
	if (frames.rule_site && drop->location == frames.rule_site)
		word = agreed_word(words, &frames.expression, &record->doubt);
	else
		record->doubt = frames.rule_site ? WIRE_DOUBT_UNKNOWN_SITE : WIRE_DOUBT_NOT_CALIBRATED;
	if (evaluated) {
		if (word && word != evaluated) {
			record->doubt = WIRE_DOUBT_DISAGREE;
			return;
		}
		record->how = WIRE_HOW_FENTRY;
		record->doubt = WIRE_DOUBT_NONE;
		word = evaluated;
		traced_rule_site = drop->location;
	}
	if (!word) {
		/* Rules free at one place: freed at another, with no expression that dropped, it was a policy, and its chain will be known
		 * when nft_do_chain() ends. */
		if (traced_rule_site && drop->location != traced_rule_site)
			drop->policy = drop->subject.skb;
		return;
	}
	record->doubt = search_rule(hunt, word, drop->net, record->ruleset);
	if (!record->doubt)
		fill_rule(record, hunt);
}

/* nf_hook_slow() was told to drop by one of its entries: which, is in its own frame, beside the pointer to the state. */
static __always_inline void explain_entry(struct wire_verdict *record, const struct pending_drop *drop, const struct evaluated *seen,
					  const struct frame_words *words, struct hunt *hunt)
{
	struct table_search search = {.hunt = hunt, .table = seen->table};
	__u64 index = 0, evaluated = seen->expression;
	bool known = false;

	if (frames.entry_site && drop->location == frames.entry_site) {
		index = agreed_word(words, &frames.entry_index, &record->doubt);
		if (!record->doubt && agreed_word(words, &frames.state, &record->doubt) != drop->state)
			record->doubt = WIRE_DOUBT_UNREADABLE;
		if (!record->doubt && index >= hunt->entry_count)
			record->doubt = WIRE_DOUBT_UNREADABLE;
		known = !record->doubt;
	} else if (hunt->entry_count == 1) {
		known = true;
	} else {
		record->doubt = frames.entry_site ? WIRE_DOUBT_UNKNOWN_SITE : WIRE_DOUBT_NOT_CALIBRATED;
	}
	if (seen->table) {
		bpf_loop(MAX_ENTRIES, table_step, &search, 0);
		if (search.found && known && search.found != index + 1) {
			record->doubt = WIRE_DOUBT_DISAGREE;
			return;
		}
		if (search.found) {
			index = search.found - 1;
			known = true;
			record->how = WIRE_HOW_FENTRY;
			record->doubt = WIRE_DOUBT_NONE;
		}
	}
	if (known)
		fill_entry(record, hunt, (__u32)index);
	/* Kernels whose nft_do_chain() leaves the freeing to nf_hook_slow(). */
	if (evaluated && knows_nft()) {
		record->how = WIRE_HOW_FENTRY;
		record->doubt = search_rule(hunt, evaluated, drop->net, record->ruleset);
		if (record->doubt)
			return;
		/* The entry that gave the verdict is a base chain of the rule's own table. */
		if (hunt->found && record->entry_count && table_of_entry(hunt, record->entry_index) != hunt->table)
			record->doubt = WIRE_DOUBT_DISAGREE;
		else
			fill_rule(record, hunt);
	}
}

SEC("tp_btf/kfree_skb")
int BPF_PROG(on_kfree_skb_rule, struct sk_buff *skb)
{
	__u32 zero = 0, slot = skb_slot(as_number(skb));
	struct pending_drop *drop = bpf_map_lookup_elem(&pending_drops, &slot);
	struct frame_words *words = bpf_map_lookup_elem(&frame_words, &zero);
	struct hunt *hunt = bpf_map_lookup_elem(&hunts, &zero);
	struct evaluated seen = take_evaluated(as_number(skb));
	struct wire_verdict *record;

	if (!drop || drop->skb != (__u64)skb || !words || !hunt)
		return 0;
	drop->skb = 0;
	drop->policy = 0;
	drop->later = 0;
	if (!drop->anchor)
		return 0;
	read_frame(words, drop->anchor, as_number(ctx));
	hunt->entry_count = 0;
	hunt->entries = 0;
	if (drop->net)
		find_entries(hunt, drop);
	if (lesson_netns && drop->subject.place.netns == lesson_netns) {
		teach(drop, words, hunt);
		return 0;
	}
	record = RESERVE(struct wire_verdict, WIRE_KIND_VERDICT, drop->ts_ns);
	if (!record)
		return 0;
	record->subject = drop->subject;
	record->how = WIRE_HOW_STACK;
	record->ruleset = ruleset_of(drop->net);
	if (!hunt->entry_count)
		record->doubt = WIRE_DOUBT_UNREADABLE;
	else if ((frames.rule_site && drop->location == frames.rule_site) || (frames.policy_site && drop->location == frames.policy_site) ||
		 is_nft_function(drop->location))
		explain_nft(record, drop, seen.expression, words, hunt);
	else
		explain_entry(record, drop, &seen, words, hunt);
	if (record->kind == WIRE_RULE_NFT || record->kind == WIRE_RULE_NFT_POLICY)
		record->generation = cookie_of(drop->net);
	if (record->kind == WIRE_RULE_NFT)
		remember_rule(record, hunt, drop->net);
	/* Told from the entry, for the program that compares the rules' counters. */
	drop->later = record->xt_table[0] ? drop->subject.skb : 0;
	drop->xt_table = record->xt_table[0] ? record->table_handle : 0;
	bpf_ringbuf_submit(record, 0);
	return 0;
}
