// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Tier 2f for nf_tables: the expression that gave a verdict to drop, from the functions that evaluate expressions. Notes it for the program
 * that is called when the packet is freed (rules.bpf.c); says nothing itself, but for a policy, which is known only when nft_do_chain()
 * ends. Each program costs a look at a register of the evaluation, so all are attached only after a first netfilter drop. */
#include "verdict.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#define VERDICT_CODE_MASK 0xff
#define VERDICT_STOLEN 2

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, SKB_SLOTS);
	__type(key, __u32);
	__type(value, struct evaluated);
} evaluations SEC(".maps") __weak;

/* All evaluators take (expression, registers, packet); the verdict is the first of the registers (include/net/netfilter/nf_tables.h). */
static __always_inline int on_evaluated(const __u64 *ctx)
{
	struct evaluated *seen;
	__u32 slot, code = ~0u;
	__u64 skb;

	bpf_probe_read_kernel(&code, sizeof(code), (void *)ctx[1]);
	if ((code & VERDICT_CODE_MASK) != 0)
		return 0;
	skb = MODULE_ADDRESS(struct nft_pktinfo, ctx[2], skb);
	slot = skb_slot(skb);
	seen = bpf_map_lookup_elem(&evaluations, &slot);
	if (!seen)
		return 0;
	seen->skb = skb;
	seen->expression = as_number((void *)ctx[0]);
	seen->table = 0;
	seen->ts_ns = bpf_ktime_get_ns();
	return 0;
}

#define EVALUATOR(function)                                                                                                                \
	SEC("fexit/" #function)                                                                                                            \
	int on_##function(__u64 *ctx)                                                                                                      \
	{                                                                                                                                  \
		return on_evaluated(ctx);                                                                                                  \
	}

EVALUATOR(nft_immediate_eval)
EVALUATOR(nft_lookup_eval)
EVALUATOR(nft_reject_ipv4_eval)
EVALUATOR(nft_reject_ipv6_eval)
EVALUATOR(nft_reject_inet_eval)
EVALUATOR(nft_reject_bridge_eval)
EVALUATOR(nft_reject_netdev_eval)
EVALUATOR(nft_target_eval_xt)
EVALUATOR(nft_target_eval_bridge)

/* ipt_do_table(table, skb, state) since 5.16 (8844e01062dd "netfilter: iptables: allow use of ipt_do_table as hookfn"): which of several
 * tables of a hook said NF_DROP, where the frame of nf_hook_slow() is not known. */
static __always_inline int on_table_done(const __u64 *ctx)
{
	struct evaluated *seen;
	__u64 skb;
	__u32 slot;

	if ((__u32)ctx[3] != 0)
		return 0;
	skb = as_number((void *)ctx[1]);
	slot = skb_slot(skb);
	seen = bpf_map_lookup_elem(&evaluations, &slot);
	if (!seen)
		return 0;
	seen->skb = skb;
	seen->expression = 0;
	seen->table = as_number((void *)ctx[0]);
	seen->ts_ns = bpf_ktime_get_ns();
	return 0;
}

SEC("fexit/ipt_do_table")
int on_ipt_do_table(__u64 *ctx)
{
	return on_table_done(ctx);
}

SEC("fexit/ip6t_do_table")
int on_ip6t_do_table(__u64 *ctx)
{
	return on_table_done(ctx);
}

/* The drop program has left a note: this packet was freed in nft_do_chain(), where no rule frees, and no expression had dropped it. */
SEC("fexit/nft_do_chain")
int on_nft_do_chain(__u64 *ctx)
{
	__u32 zero = 0, slot, verdict = (__u32)ctx[2];
	struct hunt *hunt = bpf_map_lookup_elem(&hunts, &zero);
	struct pending_drop *drop;
	struct wire_verdict *record;
	__u64 skb;

	if (!hunt || (verdict & VERDICT_CODE_MASK) != VERDICT_STOLEN)
		return 0;
	/* The packet itself is gone; its address still says which it was. */
	skb = MODULE_ADDRESS(struct nft_pktinfo, ctx[0], skb);
	slot = skb_slot(skb);
	drop = bpf_map_lookup_elem(&pending_drops, &slot);
	if (!drop || !skb || drop->policy != skb || bpf_ktime_get_ns() - drop->ts_ns > EVALUATION_FRESH_NS)
		return 0;
	drop->policy = 0;
	hunt->entry_count = 0;
	if (drop->net)
		find_entries(hunt, drop);
	record = RESERVE(struct wire_verdict, WIRE_KIND_VERDICT, drop->ts_ns);
	if (!record)
		return 0;
	record->subject = drop->subject;
	record->how = WIRE_HOW_FENTRY;
	if (hunt->entry_count)
		fill_policy(record, hunt, as_number((void *)ctx[1]));
	else
		record->doubt = WIRE_DOUBT_UNREADABLE;
	if (record->kind == WIRE_RULE_NFT_POLICY)
		record->generation = cookie_of(drop->net);
	bpf_ringbuf_submit(record, 0);
	return 0;
}
