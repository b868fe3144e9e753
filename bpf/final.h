/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Which expressions of nf_tables can end an evaluation with a drop: what a frame points at is believed only if it is one of them. */
#ifndef SYNFATE_BPF_FINAL_H
#define SYNFATE_BPF_FINAL_H

#include "nft.h"

#define NAME8(a, b, c, d, e, f, g, h)                                                                                                      \
	((__u64)(a) | (__u64)(b) << 8 | (__u64)(c) << 16 | (__u64)(d) << 24 | (__u64)(e) << 32 | (__u64)(f) << 40 | (__u64)(g) << 48 |     \
	 (__u64)(h) << 56)

/* Can an expression of this name (its first seven bytes) end an evaluation with NF_DROP? By the kernel's sources from 5.17 to 6.18; those
 * that only ever continue or break off the rule are not here. */
static __always_inline bool is_final(__u64 name, __u64 expression)
{
	switch (name) {
	case NAME8('i', 'm', 'm', 'e', 'd', 'i', 'a', 0):
		/* The verdict is the first word of its data. */
		return (__u32)read_word(expression + 8) == 0;
	case NAME8('l', 'o', 'o', 'k', 'u', 'p', 0, 0):
	case NAME8('r', 'e', 'j', 'e', 'c', 't', 0, 0):
	case NAME8('t', 'a', 'r', 'g', 'e', 't', 0, 0):
	case NAME8('m', 'a', 't', 'c', 'h', 0, 0, 0): /* xtables matches may ask for a drop at once (hotdrop) */
	case NAME8('n', 'a', 't', 0, 0, 0, 0, 0):
	case NAME8('m', 'a', 's', 'q', 0, 0, 0, 0):
	case NAME8('r', 'e', 'd', 'i', 'r', 0, 0, 0):
	case NAME8('s', 'y', 'n', 'p', 'r', 'o', 'x', 0):
	case NAME8('c', 't', 0, 0, 0, 0, 0, 0):
	case NAME8('f', 'w', 'd', 0, 0, 0, 0, 0):
	case NAME8('d', 'u', 'p', 0, 0, 0, 0, 0):
		return true;
	}
	return false;
}

/* The name of the expression that was found, 0 if it is none that can end an evaluation with a drop. */
SUBPROGRAM __u64 final_name(const struct hunt *hunt)
{
	__u64 ops, type, name, first = 0;

	if (!hunt || !hunt->expression_ops || !knows_nft())
		return 0;
	ops = hunt->expression_ops;
	type = pointer_of((struct nft_expr_ops *)ops, type);
	name = pointer_of((struct nft_expr_type *)type, name);
	bpf_probe_read_kernel_str(&first, sizeof(first), (void *)name);
	return is_final(first, hunt->wanted) ? name : 0;
}

#endif
