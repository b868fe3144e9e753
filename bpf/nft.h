/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* From an address inside a rule of nf_tables to the rule: table, chain, number, handle. Walks what the hook of one traversal can reach, and
 * nothing else. Says "not found" where the layout is not the one of Linux 5.17 and newer (2c865a8a28a1, "netfilter: nf_tables: add rule
 * blob layout"). Types are those of the module nf_tables where it is one: without it nothing is found, and nothing is looked for. */
#ifndef SYNFATE_BPF_NFT_H
#define SYNFATE_BPF_NFT_H

#include "common.h"

#define MAX_ENTRIES 64
#define MAX_TABLES 16
#define MAX_NAT_CHAINS 8
#define MAX_CHAINS 65536
#define MAX_RULES 131072
#define MAX_EXPRESSIONS 64
#define HANDLE_MASK ((1ull << 42) - 1)
/* enum nf_hook_ops_type */
#define NF_TABLES_OPS 1
#define NF_BPF_OPS 2

/* Everything about one search. In a map: it is too big for the stack of nested callbacks. */
struct hunt {
	__u64 wanted;  /* address that the rule must contain */
	__u64 entries; /* struct nf_hook_entries of the traversal */
	__u32 entry_count;
	__u32 table_count;
	__u64 tables[MAX_TABLES]; /* searched already */
	__u64 table;
	__u64 chain;
	__u64 head; /* of table->chains */
	__u64 node;
	__u64 blob; /* first rule */
	__u64 blob_end;
	__u64 cursor;
	__u32 number;
	__u32 found;   /* 1: chain, rule, number and handle are it */
	__u64 proof;   /* of what was found, by search_rule() */
	__u32 settled; /* 1: the ruleset did not change meanwhile */
	__u64 rule;
	__u64 handle;
	__u64 rule_end;
	__u64 hash;           /* of the rule, by proof_of_rule() */
	__u32 way;            /* how the expression under way counts in it */
	__u32 cursor_bit;     /* the generation that counts, as a bit of a rule's genmask */
	__u32 bytes;          /* of user data that are left */
	__u64 expression_ops; /* 0: wanted is not where an expression begins */
	__u32 too_many;
};

/* One for each use: searches for lessons must not disturb a search under way in an interrupted context of the same CPU. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct hunt);
} hunts SEC(".maps") __weak;

/* Asked at the top of each subprogram that uses these types, not only by its callers: before 6.8 the verifier walks a global function
 * whether it is called or not ("bpf: validate global subprogs lazily"). */
static __always_inline bool knows_nft(void)
{
	return bpf_core_type_exists(struct nft_chain) && bpf_core_field_exists(struct nft_chain, blob_gen_0);
}

static __always_inline __u64 read_word(__u64 address)
{
	__u64 word = 0;

	bpf_probe_read_kernel(&word, sizeof(word), (void *)address);
	return word;
}

/* Handles are counted from 1 in each table, those of tables in each namespace, and the number of a namespace is used again: its cookie
 * never is. 0: there is none. */
static __always_inline __u64 cookie_of(__u64 net)
{
	if (!bpf_core_field_exists(struct net, net_cookie))
		return 0;
	return BPF_CORE_READ((struct net *)net, net_cookie);
}

/* The entries of the hook that a traversal was in; 0: none, or a family that this kernel does not have. */
SUBPROGRAM int find_entries(struct hunt *hunt, const struct pending_drop *drop)
{
	struct nf_hook_entries *entries;
	struct net *net;
	__u64 array = 0;

	if (!hunt || !drop)
		return 0;
	hunt->entries = 0;
	hunt->entry_count = 0;
	net = (struct net *)drop->net;
	if (drop->family == 5) {
		struct net_device *device = (struct net_device *)(drop->hook ? drop->out : drop->in);

		if (!device)
			return 0;
		if (!drop->hook && bpf_core_field_exists(device->nf_hooks_ingress))
			hunt->entries = READ_ADDRESS(struct net_device, device, nf_hooks_ingress);
		if (drop->hook && bpf_core_field_exists(device->nf_hooks_egress))
			hunt->entries = READ_ADDRESS(struct net_device, device, nf_hooks_egress);
	} else {
		if (drop->hook > 4)
			return 0;
		if (drop->family == 2)
			array = bpf_core_field_offset(struct net, nf.hooks_ipv4);
		else if (drop->family == 10)
			array = bpf_core_field_offset(struct net, nf.hooks_ipv6);
		else if (drop->family == 7 && bpf_core_field_exists(net->nf.hooks_bridge))
			array = bpf_core_field_offset(struct net, nf.hooks_bridge);
		else
			return 0;
		hunt->entries = read_word(drop->net + array + drop->hook * 8);
	}
	entries = (struct nf_hook_entries *)hunt->entries;
	if (entries)
		hunt->entry_count = BPF_CORE_READ(entries, num_hook_entries);
	return hunt->entry_count;
}

#define ENTRY_ADDRESS(hunt, index) ((hunt)->entries + bpf_core_field_offset(struct nf_hook_entries, hooks) + (__u64)(index)*16)

/* struct nf_hook_ops of an entry: an array of pointers behind the entries (include/linux/netfilter.h, nf_hook_entries_get_hook_ops). */
static __always_inline __u64 entry_ops(const struct hunt *hunt, __u32 index)
{
	return read_word(ENTRY_ADDRESS(hunt, hunt->entry_count) + (__u64)index * 8);
}

static __always_inline __u64 entry_priv(const struct hunt *hunt, __u32 index)
{
	return read_word(ENTRY_ADDRESS(hunt, index) + 8);
}

static __always_inline __u64 entry_function(const struct hunt *hunt, __u32 index)
{
	return read_word(ENTRY_ADDRESS(hunt, index));
}

static long expression_step(__u32 i, struct hunt **at)
{
	struct hunt *hunt = *at;
	__u64 ops;
	__u32 size;

	if (hunt->cursor >= hunt->rule_end || hunt->cursor > hunt->wanted)
		return 1;
	ops = read_word(hunt->cursor);
	if (!ops)
		return 1;
	if (hunt->cursor == hunt->wanted) {
		hunt->expression_ops = ops;
		return 1;
	}
	size = BPF_CORE_READ((struct nft_expr_ops *)ops, size);
	if (size < 8 || size > 4096)
		return 1;
	hunt->cursor += size;
	return 0;
}

static long rule_step(__u32 i, struct hunt **at)
{
	struct hunt *hunt = *at;
	__u64 header, length;

	if (hunt->cursor >= hunt->blob_end)
		return 1;
	header = read_word(hunt->cursor);
	/* is_last:1, dlen:12, handle:42, and nine bits that nobody sets. */
	if (header & 1)
		return 1;
	length = (header >> 1) & 0xfff;
	hunt->number++;
	if (hunt->wanted >= hunt->cursor + 8 && hunt->wanted < hunt->cursor + 8 + length) {
		hunt->rule = hunt->cursor;
		hunt->rule_end = hunt->cursor + 8 + length;
		hunt->handle = (header >> 13) & HANDLE_MASK;
		hunt->found = 1;
		return 1;
	}
	hunt->cursor += 8 + length;
	return 0;
}

/* Is the wanted address where an expression of hunt->rule begins? Then hunt->expression_ops is its. */
static __always_inline void find_expression(struct hunt *hunt)
{
	hunt->expression_ops = 0;
	hunt->cursor = hunt->rule + 8;
	bpf_loop(MAX_EXPRESSIONS, expression_step, &hunt, 0);
}

/* 1: the blob has the wanted address, and its rule is in the hunt. */
SUBPROGRAM int search_blob(struct hunt *hunt, __u64 blob)
{
	__u64 size;

	if (!hunt || !blob || !knows_nft())
		return 0;
	size = read_word(blob);
	hunt->blob = blob + 8;
	hunt->blob_end = blob + 8 + size;
	if (hunt->wanted < hunt->blob || hunt->wanted >= hunt->blob_end)
		return 0;
	hunt->cursor = hunt->blob;
	hunt->number = 0;
	bpf_loop(MAX_RULES, rule_step, &hunt, 0);
	if (!hunt->found)
		return 0;
	find_expression(hunt);
	return 1;
}

static long chain_step(__u32 i, struct hunt **at)
{
	struct hunt *hunt = *at;
	__u64 chain, first, second;

	if (!hunt->node || hunt->node == hunt->head)
		return 1;
	if (i == MAX_CHAINS - 1)
		hunt->too_many = 1;
	chain = hunt->node - bpf_core_field_offset(struct nft_chain, list);
	first = MODULE_ADDRESS(struct nft_chain, chain, blob_gen_0);
	second = MODULE_ADDRESS(struct nft_chain, chain, blob_gen_1);
	/* A commit on another CPU may have made the other generation the current one since this packet entered the chain. */
	if (search_blob(hunt, first) || (second != first && search_blob(hunt, second))) {
		hunt->chain = chain;
		return 1;
	}
	hunt->node = read_word(hunt->node);
	return 0;
}

/* Every chain of a table; 1: found. */
static __always_inline int search_table(struct hunt *hunt, __u64 table)
{
	for (__u32 i = 0; i < MAX_TABLES; i++) {
		if (i >= hunt->table_count)
			break;
		if (hunt->tables[i] == table)
			return 0;
	}
	if (hunt->table_count >= MAX_TABLES) {
		hunt->too_many = 1;
		return 0;
	}
	hunt->tables[hunt->table_count & (MAX_TABLES - 1)] = table;
	hunt->table_count++;
	hunt->table = table;
	hunt->head = table + bpf_core_field_offset(struct nft_table, chains);
	hunt->node = read_word(hunt->head);
	bpf_loop(MAX_CHAINS, chain_step, &hunt, 0);
	return hunt->found;
}

/* NAT's base chains are not entries of the hook: an entry of the NAT core has them as entries of its own. */
static __always_inline bool is_nat_core(__u64 function)
{
	char name[16] = {};

	BPF_SNPRINTF(name, sizeof(name), "%ps", function);
	return name[0] == 'n' && name[1] == 'f' && name[2] == '_' && name[3] == 'n' && name[4] == 'a' && name[5] == 't' && name[6] == '_';
}

/* The nft_chain at an entry of the hook, 0 if it has none. */
SUBPROGRAM __u64 entry_chain(const struct hunt *hunt, __u32 index)
{
	__u64 ops, priv;

	if (!hunt)
		return 0;
	ops = entry_ops(hunt, index);
	priv = entry_priv(hunt, index);
	if (!ops || !priv)
		return 0;
	if (BPF_CORE_READ_BITFIELD_PROBED((struct nf_hook_ops *)ops, hook_ops_type) == NF_TABLES_OPS)
		return priv;
	return 0;
}

static __always_inline __u64 table_of(__u64 chain)
{
	return MODULE_ADDRESS(struct nft_chain, chain, table);
}

/* Is it an nft_chain? xtables' NAT has an xt_table in its place: only a chain is in its table's list. */
static __always_inline bool is_chain(__u64 chain)
{
	__u64 node = chain + bpf_core_field_offset(struct nft_chain, list);

	return (__s64)table_of(chain) < 0 && read_word(read_word(node) + 8) == node;
}

static long entry_step(__u32 i, struct hunt **at)
{
	struct hunt *hunt = *at;
	__u64 chain, nested;
	__u32 count;

	if (i >= hunt->entry_count)
		return 1;
	chain = entry_chain(hunt, i);
	if (chain)
		return search_table(hunt, table_of(chain)) ? 1 : 0;
	if (!entry_priv(hunt, i) || !is_nat_core(entry_function(hunt, i)))
		return 0;
	/* struct nf_nat_lookup_hook_priv begins with its entries (net/netfilter/nf_nat_core.c, 4.18 and newer). */
	nested = read_word(entry_priv(hunt, i));
	if (!nested)
		return 0;
	count = (__u16)read_word(nested + bpf_core_field_offset(struct nf_hook_entries, num_hook_entries));
	if (count > MAX_NAT_CHAINS)
		hunt->too_many = 1;
	for (__u32 n = 0; n < MAX_NAT_CHAINS; n++) {
		if (n >= count)
			break;
		chain = read_word(nested + bpf_core_field_offset(struct nf_hook_entries, hooks) + (__u64)n * 16 + 8);
		if (chain && is_chain(chain) && search_table(hunt, table_of(chain)))
			return 1;
	}
	return 0;
}

/* Which rule that this hook can reach contains the address; find_entries() must have been called. Returns hunt->found. */
SUBPROGRAM int find_rule(struct hunt *hunt, __u64 wanted)
{
	if (!hunt || !knows_nft())
		return 0;
	hunt->wanted = wanted;
	hunt->found = 0;
	hunt->too_many = hunt->entry_count > MAX_ENTRIES;
	hunt->table_count = 0;
	bpf_loop(MAX_ENTRIES, entry_step, &hunt, 0);
	return hunt->found;
}

static __always_inline bool drops_by_policy(__u64 chain)
{
	__u64 base = chain - bpf_core_field_offset(struct nft_base_chain, chain);

	return BPF_CORE_READ((struct nft_base_chain *)base, policy) == 0; /* NF_DROP */
}

#endif
