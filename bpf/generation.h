/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Which ruleset of nf_tables a namespace has: the generation, which every commit raises, as NFT_MSG_GETGEN tells it too. User space
 * compares it with that of what it reads after a drop. It is read when the packet is freed, which is not quite when it was judged, and
 * packets change sets without it: alone it proves nothing of a rule. */
#ifndef SYNFATE_BPF_GENERATION_H
#define SYNFATE_BPF_GENERATION_H

#include "nft.h"

/* In struct net since 6.17 ("netfilter: nf_tables: place base_seq in struct net"). */
struct netns_nftables___6_17 {
	unsigned int base_seq;
} __attribute__((preserve_access_index));
/* Before, in the module's own memory of a namespace, which begins with the list of its tables (5.12 to 6.16: 0854db2aaef3 "netfilter:
 * nf_tables: use net_generic infra for transaction data"). */
struct nftables_pernet___5_12 {
	struct list_head tables;
	unsigned int base_seq;
} __attribute__((preserve_access_index));

#define MAX_PERNET_IDS 256
/* The first places hold the array's own length and its rcu_head (include/net/netns/generic.h). */
#define FIRST_PERNET_ID 3

/* The module's index into net->gen->ptr, one for all namespaces; 0: not learnt. */
__u32 nft_pernet_id __weak = 0;

struct pernet_search {
	__u64 generic;
	__u64 wanted;
	__u32 length;
	__u32 found;
};

static __always_inline __u64 pernet_of(__u64 generic, __u32 id)
{
	return read_word(generic + bpf_core_field_offset(struct net_generic, ptr) + (__u64)id * 8);
}

static long pernet_step(__u32 i, struct pernet_search *search)
{
	if (i >= search->length)
		return 1;
	if (i < FIRST_PERNET_ID || pernet_of(search->generic, i) != search->wanted)
		return 0;
	search->found = i;
	return 1;
}

/* From a namespace with one table of nf_tables: both ends of its list are the head, and that is where the module's memory begins. */
static __always_inline void learn_pernet_id(__u64 net, __u64 table)
{
	__u64 node = table + bpf_core_field_offset(struct nft_table, list), head = read_word(node);
	struct pernet_search search = {};

	if (!bpf_core_field_exists(struct nftables_pernet___5_12, base_seq) || !head || read_word(node + 8) != head)
		return;
	search.generic = READ_ADDRESS(struct net, net, gen);
	search.wanted = head - bpf_core_field_offset(struct nftables_pernet___5_12, tables);
	search.length = (__u32)read_word(search.generic);
	bpf_loop(MAX_PERNET_IDS, pernet_step, &search, 0);
	nft_pernet_id = search.found;
}

static __always_inline __u32 base_seq_of(__u64 net)
{
	__u64 pernet, head;

	if (bpf_core_field_exists(struct netns_nftables___6_17, base_seq))
		return (__u32)read_word(net + bpf_core_field_offset(struct net, nft) +
					bpf_core_field_offset(struct netns_nftables___6_17, base_seq));
	if (!bpf_core_field_exists(struct nftables_pernet___5_12, base_seq) || !nft_pernet_id)
		return 0;
	pernet = pernet_of(READ_ADDRESS(struct net, net, gen), nft_pernet_id);
	head = pernet + bpf_core_field_offset(struct nftables_pernet___5_12, tables);
	/* The module may have gone and come back elsewhere: what is there now must begin with a list. */
	if (!pernet || read_word(read_word(head) + 8) != head)
		return 0;
	return (__u32)read_word(pernet + bpf_core_field_offset(struct nftables_pernet___5_12, base_seq));
}

/* 0: not known, or a commit is under way: it raises the number, which begins with 1, and then flips the cursor, which begins with 0, so
 * that between commits one of them is odd (nf_tables_commit() in net/netfilter/nf_tables_api.c). */
SUBPROGRAM __u32 ruleset_of(__u64 net)
{
	__u32 sequence;

	if (!knows_nft() || !net)
		return 0;
	sequence = base_seq_of(net);
	return ((sequence ^ (__u32)read_word(net + bpf_core_field_offset(struct net, nft.gencursor))) & 1) ? sequence : 0;
}

#endif
