/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Which netfilter traversal dropped the packet that kfree_skb is being told about.
 *
 * The raw tracepoint's ctx is itself an address on the kernel stack of the code that frees, and the caller's struct nf_hook_state is
 * further up on the same stack. Its shape {u8 hook; u8 pf; in; out; sk; net; okfn} is the same in 5.15, 6.1, 6.6, 6.12 and 6.18; the
 * padding behind pf is uninitialised. Found, a candidate must prove itself: the devices that it names must exist in the namespace that
 * it names, and somebody on the stack must point at it. Needs a second program on kfree_skb: with one alone the state's words may still be
 * in registers. */
#ifndef SYNFATE_BPF_NETFILTER_H
#define SYNFATE_BPF_NETFILTER_H

#include "place.h"

struct traversal {
	__u64 in; /* addresses */
	__u64 out;
	__u64 net;
	__u64 state;  /* of the nf_hook_state itself */
	__u64 anchor; /* on the stack: of the return address into the code that frees; 0: not found */
	__u32 hook;
	__u32 family;
};

#define STATE_IN 1
#define STATE_OUT 2
#define STATE_SOCKET 3
#define STATE_NET 4
#define STATE_OKFN 5

/* Copies the stack from base up. Stops at the first fault: interrupt stacks end in a guard page. */
static __always_inline void copy_stack(struct stack_words *words, __u64 base)
{
	words->readable = 0;
	for (__u32 chunk = 0; chunk < STACK_WORDS / 16; chunk++) {
		if (bpf_probe_read_kernel(&words->word[chunk * 16], 128, (void *)(base + chunk * 128)))
			break;
		words->readable += 16;
	}
}

static __always_inline bool is_kernel_address(__u64 word)
{
	return (__s64)word < 0 && word < 0xffffffffffff0000ull;
}

static __always_inline bool device_is_of(__u64 dev, __u64 net)
{
	__u64 owner = 0;

	if (!is_kernel_address(dev))
		return false;
	owner = (__u64)BPF_CORE_READ((struct net_device *)dev, nd_net.net);
	return owner == net;
}

SUBPROGRAM int is_state(const struct stack_words *words, __u32 at, __u64 location)
{
	__u64 head, in, out, net, okfn;
	__u8 hook, family;

	if (!words || at > STACK_WORDS - 6)
		return false;
	head = words->word[at];
	hook = head & 0xff;
	family = (head >> 8) & 0xff;
	if (hook > 5 || (family != 1 && family != 2 && family != 3 && family != 5 && family != 7 && family != 10))
		return false;
	in = words->word[at + STATE_IN];
	out = words->word[at + STATE_OUT];
	net = words->word[at + STATE_NET];
	okfn = words->word[at + STATE_OKFN];
	if (!is_kernel_address(net) || (!in && !out))
		return false;
	/* okfn is code: near the code that frees, in the same 4 GiB. Netdev hooks have none. */
	if (family == 5 ? okfn != 0 && (okfn >> 32) != (location >> 32) : (okfn >> 32) != (location >> 32))
		return false;
	if (in && !device_is_of(in, net))
		return false;
	return !out || device_is_of(out, net);
}

#define REFERENCED 1
#define REFERENCED_WITH_PACKET 2

/* Functions that are running have the state's address in a register that was saved, or in their packet's description, beside the packet's:
 * struct nft_pktinfo begins with both. What only looks like a state, such as a saved device beside a saved namespace and a return address,
 * has nobody pointing at it; and a state that an earlier hook has left behind has no pair below it that is about this packet. */
static long reference_step(__u32 i, struct stack_words **at)
{
	struct stack_words *words = *at;
	__u64 word, previous = words->previous;

	if (i >= STACK_WORDS || i >= words->readable)
		return 1;
	word = words->word[i];
	words->previous = word;
	if (word != words->candidate)
		return 0;
	if (!words->found)
		words->found = REFERENCED;
	if (i < words->anchor || i >= words->below || previous != words->skb)
		return 0;
	words->found = REFERENCED_WITH_PACKET;
	return 1;
}

/* Without bpf_loop(): only whether anybody points at it. */
SUBPROGRAM int is_referenced(const struct stack_words *words, __u64 address)
{
	if (!words)
		return 0;
	for (__u32 i = 0; i < STACK_WORDS; i++)
		if (words->word[i] == address && i < words->readable)
			return REFERENCED;
	return 0;
}

static __always_inline int references(struct stack_words *words, __u32 candidate)
{
	words->candidate = words->base + candidate * 8;
	words->below = candidate;
	words->previous = 0;
	words->found = 0;
	if (!bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_loop))
		return is_referenced(words, words->candidate);
	bpf_loop(STACK_WORDS, reference_step, &words, 0);
	return words->found;
}

struct search {
	struct stack_words *words;
	struct traversal *traversal;
};

static __always_inline void take_state(struct search *search, __u32 i)
{
	struct stack_words *words = search->words;
	struct traversal *traversal = search->traversal;

	/* The verifier of 6.1 forgets the bound of a register that was computed with since. */
	asm volatile("" : "+r"(i));
	if (i > STACK_WORDS - 6)
		return;
	traversal->hook = words->word[i] & 0xff;
	traversal->family = (words->word[i] >> 8) & 0xff;
	traversal->in = words->word[i + STATE_IN];
	traversal->out = words->word[i + STATE_OUT];
	traversal->net = words->word[i + STATE_NET];
	traversal->state = words->base + i * 8;
}

/* One word of the stack: first the return address into the code that frees, then the state. Returns 1 when the search is over. */
static long look_at_word(__u32 i, struct search *search)
{
	struct stack_words *words = search->words;
	int how;

	if (i > STACK_WORDS - 6 || i + 6 > words->readable)
		return 1;
	if (words->anchor == 0) {
		if (words->word[i] == words->location) {
			words->anchor = i + 1;
			search->traversal->anchor = words->base + i * 8;
		}
		return 0;
	}
	if (!is_state(words, i, words->location))
		return 0;
	how = references(words, i);
	if (how == REFERENCED && !words->second_best)
		words->second_best = i + 1;
	if (how != REFERENCED_WITH_PACKET)
		return 0;
	take_state(search, i);
	return 1;
}

static __always_inline int find_traversal(struct traversal *traversal, __u64 base, __u64 location, __u64 skb)
{
	__u32 zero = 0;
	struct search search = {.words = bpf_map_lookup_elem(&stacks, &zero), .traversal = traversal};

	if (!search.words)
		return 0;
	copy_stack(search.words, base);
	search.words->anchor = 0;
	search.words->location = location;
	search.words->base = base;
	search.words->skb = skb;
	search.words->second_best = 0;
	/* bpf_loop() came with 5.17 (e6f2dd0f8067, "bpf: Add bpf_loop helper"); without it the verifier walks every turn. */
	if (bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_loop)) {
		bpf_loop(STACK_WORDS - 5, look_at_word, &search, 0);
	} else {
		for (__u32 i = 0; i < STACK_WORDS - 5; i++)
			if (look_at_word(i, &search))
				break;
	}
	/* Registers may have been saved in another order. */
	if (!traversal->net && search.words->second_best)
		take_state(&search, search.words->second_best - 1);
	return traversal->net != 0;
}

#endif
