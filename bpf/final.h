/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Which expressions of nf_tables can end an evaluation with a drop: what a frame points at is believed only if it is one of them. */
#ifndef SYNFATE_BPF_FINAL_H
#define SYNFATE_BPF_FINAL_H

#include "expression.h"

/* Can an expression of this name (its first seven bytes) end an evaluation with NF_DROP? By the kernel's sources from 5.17 to 6.18; those
 * that only ever continue or break off the rule are not here. */
static __always_inline bool is_final(__u64 name, __u64 expression)
{
	switch (name) {
	case EXPRESSION_NAME('i', 'm', 'm', 'e', 'd', 'i', 'a'):
		/* The verdict is the first word of its data. */
		return (__u32)read_word(expression + 8) == 0;
	case EXPRESSION_NAME('l', 'o', 'o', 'k', 'u', 'p', 0):
	case EXPRESSION_NAME('r', 'e', 'j', 'e', 'c', 't', 0):
	case EXPRESSION_NAME('t', 'a', 'r', 'g', 'e', 't', 0):
	case EXPRESSION_NAME('m', 'a', 't', 'c', 'h', 0, 0): /* xtables matches may ask for a drop at once (hotdrop) */
	case EXPRESSION_NAME('n', 'a', 't', 0, 0, 0, 0):
	case EXPRESSION_NAME('m', 'a', 's', 'q', 0, 0, 0):
	case EXPRESSION_NAME('r', 'e', 'd', 'i', 'r', 0, 0):
	case EXPRESSION_NAME('s', 'y', 'n', 'p', 'r', 'o', 'x'):
	case EXPRESSION_NAME('c', 't', 0, 0, 0, 0, 0):
	case EXPRESSION_NAME('f', 'w', 'd', 0, 0, 0, 0):
	case EXPRESSION_NAME('d', 'u', 'p', 0, 0, 0, 0):
		return true;
	}
	return false;
}

/* The name of the expression that was found, 0 if it is none that can end an evaluation with a drop. */
SUBPROGRAM __u64 final_name(const struct hunt *hunt)
{
	__u64 ops;

	if (!hunt || !hunt->expression_ops || !knows_nft())
		return 0;
	ops = hunt->expression_ops;
	return is_final(expression_name(ops), hunt->wanted) ? expression_name_at(ops) : 0;
}

#endif
