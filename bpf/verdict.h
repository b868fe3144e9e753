/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Parts of a struct wire_verdict that more than one program fills in: hook entries, chains, policies. */
#ifndef SYNFATE_BPF_VERDICT_H
#define SYNFATE_BPF_VERDICT_H

#include "nft.h"
#include "rules.h"

SUBPROGRAM int fill_entry(struct wire_verdict *record, const struct hunt *hunt, __u32 index)
{
	__u64 ops, priv, function;

	if (!record || !hunt || index >= hunt->entry_count)
		return 0;
	record->entry_index = index;
	record->entry_count = hunt->entry_count;
	ops = entry_ops(hunt, index);
	if (ops) {
		record->priority = BPF_CORE_READ((struct nf_hook_ops *)ops, priority);
		record->has_priority = 1;
	}
	function = entry_function(hunt, index);
	/* Names and no offset: an entry is a function. */
	BPF_SNPRINTF(record->symbol, sizeof(record->symbol), "%pS", function);
	priv = entry_priv(hunt, index);
	/* ipt_do_table, ip6t_do_table, iptable_mangle_hook, ip6table_mangle_hook; before 5.15.x iptable_filter_hook and others. */
	if (priv && record->symbol[0] == 'i' && record->symbol[1] == 'p' && knows_xt()) {
		char *name = record->symbol;
		bool table = (name[2] == 't' && name[3] == '_') || (name[2] == '6' && name[3] == 't' && name[4] == '_') ||
			     (name[2] == 't' && name[3] == 'a' && name[4] == 'b') || (name[2] == '6' && name[3] == 't' && name[4] == 'a');

		if (table) {
			bpf_probe_read_kernel_str(record->xt_table, sizeof(record->xt_table), &((struct xt_table *)priv)->name);
			record->table_handle = priv;
			record->generation = MODULE_ADDRESS(struct xt_table, priv, private);
		}
	}
	return 0;
}

SUBPROGRAM int fill_chain(struct wire_verdict *record, __u64 chain)
{
	__u64 table, name;

	if (!record || !chain || !knows_nft())
		return 0;
	table = table_of(chain);
	record->chain_handle = BPF_CORE_READ((struct nft_chain *)chain, handle);
	name = MODULE_ADDRESS(struct nft_chain, chain, name);
	bpf_probe_read_kernel_str(record->chain, sizeof(record->chain), (void *)name);
	record->table_handle = BPF_CORE_READ((struct nft_table *)table, handle);
	record->family = BPF_CORE_READ_BITFIELD_PROBED((struct nft_table *)table, family);
	name = MODULE_ADDRESS(struct nft_table, table, name);
	bpf_probe_read_kernel_str(record->table, sizeof(record->table), (void *)name);
	return 0;
}

/* The table of the base chain at an entry of the hook; 0: it is none. */
SUBPROGRAM __u64 table_of_entry(const struct hunt *hunt, __u32 index)
{
	__u64 chain = hunt ? entry_chain(hunt, index) : 0;

	return chain && knows_nft() ? table_of(chain) : 0;
}

struct policy_search {
	struct hunt *hunt;
	__u64 chain; /* the base chain that the frame shows */
	__u32 index;
	__u32 hits;
};

static long policy_step(__u32 i, struct policy_search *search)
{
	struct hunt *hunt = search->hunt;

	if (i >= hunt->entry_count)
		return 1;
	if (entry_chain(hunt, i) == search->chain) {
		search->index = i;
		search->hits++;
	}
	return 0;
}

/* The base chain that the frame shows must be an entry of this very hook, and its policy must be to drop. */
SUBPROGRAM int fill_policy(struct wire_verdict *record, struct hunt *hunt, __u64 chain)
{
	struct policy_search search = {.hunt = hunt, .chain = chain};

	if (!record || !hunt || !chain || !knows_nft())
		return 0;
	bpf_loop(MAX_ENTRIES, policy_step, &search, 0);
	if (search.hits != 1 || !drops_by_policy(chain)) {
		record->doubt = search.hits ? WIRE_DOUBT_NOT_FINAL : WIRE_DOUBT_NO_RULE;
		return 0;
	}
	fill_entry(record, hunt, search.index);
	fill_chain(record, chain);
	record->kind = WIRE_RULE_NFT_POLICY;
	return 1;
}

#endif
