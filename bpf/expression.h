/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The names of nf_tables' expressions, as numbers that can be compared. */
#ifndef SYNFATE_BPF_EXPRESSION_H
#define SYNFATE_BPF_EXPRESSION_H

#include "nft.h"

#define EXPRESSION_NAME(a, b, c, d, e, f, g)                                                                                               \
	((__u64)(a) | (__u64)(b) << 8 | (__u64)(c) << 16 | (__u64)(d) << 24 | (__u64)(e) << 32 | (__u64)(f) << 40 | (__u64)(g) << 48)

/* Where the name is of the expression whose operations these are. */
static __always_inline __u64 expression_name_at(__u64 ops)
{
	__u64 type = MODULE_ADDRESS(struct nft_expr_ops, ops, type);

	return MODULE_ADDRESS(struct nft_expr_type, type, name);
}

/* Its first seven bytes, as EXPRESSION_NAME() has them. */
static __always_inline __u64 expression_name(__u64 ops)
{
	__u64 name = 0;

	bpf_probe_read_kernel_str(&name, sizeof(name), (void *)expression_name_at(ops));
	return name;
}

#endif
