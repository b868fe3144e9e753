// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The exact rule of iptables-legacy: the counters of this CPU, of every rule that can drop, before the table sees a SYN and after. Only for
 * the tables that user space has asked for, after a first drop there. Two ways to be called before: an entry of the hook just in front of
 * the table's own (tier 3), or the table's function traced (tier 2f), which also gives the moment after. */
#include "nft.h"
#include "xtables.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, MAX_XT_WATCHES);
	__type(key, __u32);
	__type(value, struct xt_watch);
} watches SEC(".maps") __weak;

/* Offsets of the rules that can drop, one run for each watch. Written by user space. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, MAX_XT_WATCHES *MAX_XT_RULES);
	__type(key, __u32);
	__type(value, __u32);
} offsets SEC(".maps") __weak;

/* One for each CPU, sized by user space: an element of a per-CPU map may not be this long. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct xt_counts);
} counts SEC(".maps") __weak;

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct xt_mark);
} marks SEC(".maps") __weak;

/* 1: this machine can only ever have one CPU, and counters are plain numbers. */
__u32 single_cpu __weak = 0;

/* How far this CPU's copy of a per-CPU variable is from its address: known of a map of our own. The symbol that has it is not in every
 * kernel's kallsyms. */
static __always_inline __u64 cpu_offset(const struct xt_mark *mark)
{
	__u64 map = as_number(&marks);

	return as_number(mark) - read_word(map + bpf_core_field_offset(struct bpf_array, value));
}

/* The xt_table_info that a table has now. */
static __always_inline __u64 info_of(__u64 table)
{
	return MODULE_ADDRESS(struct xt_table, table, private);
}

struct walk {
	struct xt_counts *counts;
	const struct xt_watch *watch;
	struct xt_mark *mark;
	__u64 entries;
	__u64 cpu_offset;
	__u32 counters_at;
};

static __always_inline __u64 packets_of(const struct walk *walk, __u32 i, __u32 *offset)
{
	__u32 at = walk->watch->first + i;
	__u32 *found = bpf_map_lookup_elem(&offsets, &at);
	__u64 counter;

	if (!found)
		return 0;
	*offset = *found;
	counter = read_word(walk->entries + *found + walk->counters_at);
	/* Else the counter is the address of a per-CPU one. */
	return single_cpu ? counter : read_word(counter + walk->cpu_offset);
}

static long note_step(__u32 i, struct walk *walk)
{
	__u32 offset;

	if (i >= walk->watch->count || i >= MAX_XT_RULES)
		return 1;
	walk->counts->packets[i] = packets_of(walk, i, &offset);
	return 0;
}

static long compare_step(__u32 i, struct walk *walk)
{
	__u32 offset = 0;
	__u64 now;

	if (i >= walk->watch->count || i >= MAX_XT_RULES)
		return 1;
	now = packets_of(walk, i, &offset);
	if (now == walk->counts->packets[i])
		return 0;
	/* A rule that moved by more is no candidate, and none of the others can be trusted either. */
	walk->mark->hits += now == walk->counts->packets[i] + 1 ? 1 : 2;
	walk->mark->offset = offset;
	return 0;
}

static __always_inline bool prepare(struct walk *walk, struct xt_mark *mark, const struct xt_watch *watch)
{
	__u32 cpu = bpf_get_smp_processor_id();

	walk->counts = bpf_map_lookup_elem(&counts, &cpu);
	walk->watch = watch;
	walk->mark = mark;
	walk->entries = mark->info + bpf_core_field_offset(struct xt_table_info, entries);
	walk->cpu_offset = cpu_offset(mark);
	walk->counters_at = watch->family == 10 ? IP6T_COUNTERS_AT : IPT_COUNTERS_AT;
	return walk->counts != 0;
}

/* Is it a SYN or a SYN-ACK? Whatever its options. */
static __always_inline bool has_syn(__u64 skb_address, __u32 family)
{
	const struct sk_buff *skb = (const struct sk_buff *)skb_address;
	__u64 head = (__u64)BPF_CORE_READ(skb, head), at = head + BPF_CORE_READ(skb, network_header);
	__u8 version = 0, protocol = 0, flags = 0;

	bpf_probe_read_kernel(&version, 1, (void *)at);
	if (family == 2) {
		bpf_probe_read_kernel(&protocol, 1, (void *)(at + 9));
		at += (version & 0xf) * 4;
	} else {
		bpf_probe_read_kernel(&protocol, 1, (void *)(at + 6));
		at += 40;
	}
	if (protocol != 6)
		return false;
	bpf_probe_read_kernel(&flags, 1, (void *)(at + 13));
	return flags & 2;
}

SUBPROGRAM int note_counters(__u32 index, __u64 skb)
{
	struct walk walk = {};
	struct xt_watch *watch;
	struct xt_mark *mark;
	__u32 zero = 0;
	__u64 now;

	watch = bpf_map_lookup_elem(&watches, &index);
	mark = bpf_map_lookup_elem(&marks, &zero);
	if (!watch || !mark || !watch->active || !has_syn(skb, watch->family))
		return 0;
	now = bpf_ktime_get_ns();
	/* A flood must not make every SYN pay. */
	if (now - mark->period_ns > XT_PERIOD_NS) {
		mark->period_ns = now;
		mark->budget = XT_WALKS_EACH_PERIOD;
	}
	mark->skb = 0;
	if (mark->budget == 0)
		return 0;
	mark->budget--;
	mark->info = info_of(watch->table);
	mark->sequence = watch->sequence;
	/* Of another table the offsets would lead anywhere. */
	if (mark->info == watch->info) {
		if (!prepare(&walk, mark, watch))
			return 0;
		bpf_loop(MAX_XT_RULES, note_step, &walk, 0);
	}
	mark->table = watch->table;
	mark->index = index;
	mark->compared = 0;
	mark->ts_ns = now;
	mark->skb = skb;
	return 1;
}

SUBPROGRAM int compare_counters(__u64 skb)
{
	struct walk walk = {};
	struct xt_watch *watch;
	struct xt_mark *mark;
	__u32 zero = 0, index;

	mark = bpf_map_lookup_elem(&marks, &zero);
	if (!mark || mark->skb != skb || mark->compared)
		return 0;
	index = mark->index;
	watch = bpf_map_lookup_elem(&watches, &index);
	/* Watched anew meanwhile, its rules are others. */
	if (!watch || !watch->active || watch->table != mark->table || watch->sequence != mark->sequence)
		return 0;
	mark->compared = 1;
	mark->hits = 0;
	mark->offset = 0;
	mark->replaced = mark->info != watch->info || info_of(watch->table) != mark->info;
	if (mark->replaced || !prepare(&walk, mark, watch))
		return 0;
	bpf_loop(MAX_XT_RULES, compare_step, &walk, 0);
	return 1;
}

static __always_inline void note_if_watched(__u64 table, __u32 hook, __u32 family, __u64 skb)
{
	for (__u32 i = 0; i < MAX_XT_WATCHES; i++) {
		__u32 index = i;
		struct xt_watch *watch = bpf_map_lookup_elem(&watches, &index);

		if (!watch || !watch->active || watch->table != table || watch->hook != hook || watch->family != family)
			continue;
		note_counters(index, skb);
		return;
	}
}

/* In front of the table. The entry is attached for one watch, whose number is its priority's business: another table of the same hook and
 * namespace has an entry and a program of its own. */
static __always_inline int in_front(struct bpf_nf_ctx *ctx, __u32 index)
{
	note_counters(index, as_number(ctx->skb));
	return 1; /* NF_ACCEPT */
}

#define IN_FRONT(number)                                                                                                                   \
	SEC("netfilter")                                                                                                                   \
	int in_front_##number(struct bpf_nf_ctx *ctx)                                                                                      \
	{                                                                                                                                  \
		return in_front(ctx, number);                                                                                              \
	}

IN_FRONT(0)
IN_FRONT(1)
IN_FRONT(2)
IN_FRONT(3)

/* ipt_do_table(table, skb, state) since 5.16 (8844e01062dd "netfilter: iptables: allow use of ipt_do_table as hookfn"). */
static __always_inline void on_table(const __u64 *ctx)
{
	const struct nf_hook_state *state = (const struct nf_hook_state *)ctx[2];

	note_if_watched(as_number((void *)ctx[0]), BPF_CORE_READ(state, hook), BPF_CORE_READ(state, pf), as_number((void *)ctx[1]));
}

SEC("fentry/ipt_do_table")
int on_ipt_do_table(__u64 *ctx)
{
	on_table(ctx);
	return 0;
}

SEC("fexit/ipt_do_table")
int after_ipt_do_table(__u64 *ctx)
{
	if ((__u32)ctx[3] == 0)
		compare_counters(as_number((void *)ctx[1]));
	return 0;
}

SEC("fentry/ip6t_do_table")
int on_ip6t_do_table(__u64 *ctx)
{
	on_table(ctx);
	return 0;
}

SEC("fexit/ip6t_do_table")
int after_ip6t_do_table(__u64 *ctx)
{
	if ((__u32)ctx[3] == 0)
		compare_counters(as_number((void *)ctx[1]));
	return 0;
}

/* For user space, which binds what it has read of a table to the memory that the table is in. */
SEC("syscall")
int read_info(struct xt_question *question)
{
	question->info = info_of(question->table);
	return 0;
}

static __always_inline __u64 hashed(__u64 hash, __u64 from, __u32 length)
{
	for (__u32 i = 0; i < 136; i++) {
		__u8 byte = 0;

		if (i >= length)
			break;
		bpf_probe_read_kernel(&byte, 1, (void *)(from + i));
		hash = (hash ^ byte) * 0x100000001b3ull;
	}
	return hash;
}

/* FNV-1a over what the entry matches, the offsets of its target and of the next entry, and its target's size: user space computes the same
 * over its own copy of the table. */
SUBPROGRAM __u64 proof_of(__u64 entry, __u32 family)
{
	__u32 match_bytes = family == 10 ? 136 : 84, offsets_at = family == 10 ? 140 : 88;
	__u64 hash = 0xcbf29ce484222325ull;
	__u16 target_offset = 0;

	bpf_probe_read_kernel(&target_offset, sizeof(target_offset), (void *)(entry + offsets_at));
	hash = hashed(hash, entry, match_bytes);
	hash = hashed(hash, entry + offsets_at, 4);
	return hashed(hash, entry + target_offset, 2);
}

/* The third program for the same drop: the first reported it, the second found that an entry of xtables had dropped it. */
SEC("tp_btf/kfree_skb")
int BPF_PROG(on_kfree_skb_xtables, struct sk_buff *skb)
{
	__u32 zero = 0, index, slot = skb_slot(as_number(skb));
	struct pending_drop *drop = bpf_map_lookup_elem(&pending_drops, &slot);
	struct xt_mark *mark = bpf_map_lookup_elem(&marks, &zero);
	struct wire_verdict *record;
	struct xt_watch *watch;
	__u64 entry, table;

	if (!drop || !mark || drop->later != (__u64)skb)
		return 0;
	drop->later = 0;
	if (mark->skb != (__u64)skb || mark->table != drop->xt_table || drop->ts_ns - mark->ts_ns > EVALUATION_FRESH_NS)
		return 0;
	index = mark->index;
	watch = bpf_map_lookup_elem(&watches, &index);
	if (!watch || watch->hook != drop->hook || watch->family != drop->family || watch->sequence != mark->sequence)
		return 0;
	/* After a traced table, that was done already. */
	compare_counters(as_number(skb));
	mark->skb = 0;
	if (!mark->compared)
		return 0;
	record = RESERVE(struct wire_verdict, WIRE_KIND_VERDICT, drop->ts_ns);
	if (!record)
		return 0;
	record->subject = drop->subject;
	record->how = watch->traced ? WIRE_HOW_FENTRY : WIRE_HOW_COUNTERS;
	record->family = watch->family;
	record->generation = mark->info;
	table = mark->table;
	bpf_probe_read_kernel_str(record->table, sizeof(record->table), &((struct xt_table *)table)->name);
	if (mark->replaced) {
		record->doubt = WIRE_DOUBT_REPLACED;
	} else if (mark->hits != 1) {
		record->doubt = mark->hits ? WIRE_DOUBT_SEVERAL : WIRE_DOUBT_NO_COUNTER;
	} else {
		entry = mark->info + bpf_core_field_offset(struct xt_table_info, entries) + mark->offset;
		record->kind = WIRE_RULE_XT;
		record->offset = mark->offset;
		record->proof = proof_of(entry, watch->family);
	}
	bpf_ringbuf_submit(record, 0);
	return 0;
}
