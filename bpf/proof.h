/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a rule of nf_tables does and says, in one number, which tells whether it is still the same one. Leaves out what packets change. */
#ifndef SYNFATE_BPF_PROOF_H
#define SYNFATE_BPF_PROOF_H

#include "expression.h"

/* Packets change what these hold. */
static __always_inline bool keeps_state(__u64 name)
{
	return name == EXPRESSION_NAME('l', 'i', 'm', 'i', 't', 0, 0) || name == EXPRESSION_NAME('q', 'u', 'o', 't', 'a', 0, 0) ||
	       name == EXPRESSION_NAME('c', 'o', 'n', 'n', 'l', 'i', 'm') || name == EXPRESSION_NAME('n', 'u', 'm', 'g', 'e', 'n', 0) ||
	       name == EXPRESSION_NAME('l', 'a', 's', 't', 0, 0, 0) || name == EXPRESSION_NAME('c', 'o', 'u', 'n', 't', 'e', 'r');
}

#define MAX_RULE_WORDS 512
#define HASH_STEP(hunt, word) ((hunt)->hash = ((hunt)->hash ^ (word)) * 0x100000001b3ull)

/* How an expression's own words go into the proof. */
#define BY_WORDS 0
#define BY_NOTHING 1
#define BY_SET 2     /* its set, and the registers beside it: the rest is a list that others are in too */
#define BY_CONTENT 3 /* what its only word points to */
/* xtables' matches of more than 192 bytes are kept elsewhere (struct nft_xt_match_priv in net/netfilter/nft_compat.c). */
#define LARGE_MATCH_WORDS 24

static __always_inline __u32 way_of(__u64 name, __u32 size)
{
	if (keeps_state(name))
		return BY_NOTHING;
	if (name == EXPRESSION_NAME('l', 'o', 'o', 'k', 'u', 'p', 0) || name == EXPRESSION_NAME('d', 'y', 'n', 's', 'e', 't', 0))
		return BY_SET;
	return name == EXPRESSION_NAME('m', 'a', 't', 'c', 'h', 0, 0) && size == 16 ? BY_CONTENT : BY_WORDS;
}

static __always_inline void hash_content(struct hunt *hunt, __u64 at)
{
	for (__u32 i = 0; i < LARGE_MATCH_WORDS; i++)
		HASH_STEP(hunt, read_word(at + i * 8));
}

/* Word by word; blob_end is where the expression under way ends. */
static long hash_step(__u32 i, struct hunt **at)
{
	struct hunt *hunt = *at;
	__u64 word;

	if (hunt->cursor >= hunt->rule_end)
		return 1;
	word = read_word(hunt->cursor);
	if (hunt->cursor >= hunt->blob_end) {
		__u32 size = word ? BPF_CORE_READ((struct nft_expr_ops *)word, size) : 0;

		if (size < 8)
			return 1;
		hunt->blob_end = hunt->cursor + size;
		hunt->way = way_of(expression_name(word), size);
		HASH_STEP(hunt, word);
		if (hunt->way == BY_SET) {
			__u64 set = read_word(hunt->cursor + 8);

			HASH_STEP(hunt, BPF_CORE_READ((struct nft_set *)set, handle));
			HASH_STEP(hunt, read_word(hunt->cursor + 16));
		} else if (hunt->way == BY_CONTENT) {
			hash_content(hunt, read_word(hunt->cursor + 8));
		}
	} else if (hunt->way == BY_WORDS) {
		HASH_STEP(hunt, word);
	}
	hunt->cursor += 8;
	return 0;
}

#define MAX_USER_DATA 256

static long user_data_step(__u32 i, struct hunt **at)
{
	struct hunt *hunt = *at;
	__u64 word = read_word(hunt->cursor);

	if (hunt->bytes == 0)
		return 1;
	if (hunt->bytes < 8)
		word &= (1ull << (hunt->bytes * 8)) - 1;
	HASH_STEP(hunt, word);
	hunt->bytes = hunt->bytes > 8 ? hunt->bytes - 8 : 0;
	hunt->cursor += 8;
	return 0;
}

/* struct nft_rule begins with its list, then handle:42, genmask:2, dlen:12, udata:1, then its expressions and a struct nft_userdata, whose
 * first byte is its length less one (include/net/netfilter/nf_tables.h). */
static long object_step(__u32 i, struct hunt **at)
{
	struct hunt *hunt = *at;
	__u64 header, data;

	if (!hunt->node || hunt->node == hunt->head)
		return 1;
	header = read_word(hunt->node + 16);
	if ((header & HANDLE_MASK) == hunt->handle && !((header >> 42) & hunt->cursor_bit)) {
		data = hunt->node + 24 + ((header >> 44) & 0xfff);
		if ((header >> 56) & 1) {
			hunt->bytes = (read_word(data) & 0xff) + 1;
			hunt->cursor = data + 1;
			bpf_loop(MAX_USER_DATA / 8, user_data_step, &hunt, 0);
		}
		return 1;
	}
	hunt->node = read_word(hunt->node);
	return 0;
}

/* Which of two generations of rules packets of this namespace are given now: 0 or 1. */
static __always_inline __u32 cursor_of(__u64 net)
{
	return (__u32)(read_word(net + bpf_core_field_offset(struct net, nft.gencursor)) & 0xff);
}

/* And the blob of a chain that they are given. */
static __always_inline __u64 current_blob(__u64 net, __u64 chain)
{
	if (cursor_of(net))
		return MODULE_ADDRESS(struct nft_chain, chain, blob_gen_1);
	return MODULE_ADDRESS(struct nft_chain, chain, blob_gen_0);
}

/* What the rule at hunt->rule does and what it says of itself, in one number: `nft replace` keeps the handle. Its comment is in user data,
 * which only the rule's other copy has, in the list of its chain. The search is over with it. */
SUBPROGRAM __u64 proof_of_rule(struct hunt *hunt, __u32 cursor)
{
	__u64 chain;

	if (!hunt || !knows_nft())
		return 0;
	hunt->hash = 0xcbf29ce484222325ull;
	hunt->cursor = hunt->rule + 8;
	hunt->blob_end = 0;
	hunt->way = 0;
	bpf_loop(MAX_RULE_WORDS, hash_step, &hunt, 0);
	chain = hunt->chain;
	hunt->cursor_bit = cursor ? 2 : 1;
	hunt->head = chain + bpf_core_field_offset(struct nft_chain, rules);
	hunt->node = read_word(hunt->head);
	if (bpf_core_field_offset(struct nft_rule, data) == 24 && bpf_core_field_offset(struct nft_rule, list) == 0)
		bpf_loop(MAX_RULES, object_step, &hunt, 0);
	return hunt->hash;
}

#endif
