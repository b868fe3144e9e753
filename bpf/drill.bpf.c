// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Entries for a hook of synfate's own namespace, so that a drop in nf_hook_slow() by an entry of a known index can be had: only to learn
 * that function's frame. BPF_PROG_TYPE_NETFILTER (6.4, 84601d6ee68a "bpf: add bpf_link support for BPF_NETFILTER programs"); user space
 * sets the type, since libbpf before 1.3 does not know the section. */
#include "common.h"
#include "rules.h"

#define VERDICT_DROP 0
#define VERDICT_ACCEPT 1

static __always_inline int drop_port(const struct bpf_nf_ctx *ctx, __u16 port)
{
	const struct sk_buff *skb = ctx->skb;
	unsigned char *head = (unsigned char *)(__u64)BPF_CORE_READ(skb, head);
	__be16 dport = 0;

	/* Loopback's SYNs have no IP options. */
	bpf_probe_read_kernel(&dport, sizeof(dport), head + BPF_CORE_READ(skb, network_header) + 22);
	return dport == bpf_htons(port) ? VERDICT_DROP : VERDICT_ACCEPT;
}

SEC("netfilter")
int drill_first(struct bpf_nf_ctx *ctx)
{
	return VERDICT_ACCEPT;
}

SEC("netfilter")
int drill_second(struct bpf_nf_ctx *ctx)
{
	return drop_port(ctx, DRILL_PORT_SECOND);
}

SEC("netfilter")
int drill_third(struct bpf_nf_ctx *ctx)
{
	return drop_port(ctx, DRILL_PORT_THIRD);
}

SEC("netfilter")
int drill_fourth(struct bpf_nf_ctx *ctx)
{
	return drop_port(ctx, DRILL_PORT_FOURTH);
}
